"""For those who script: students over a store or frames, and the estimator ``ConceptStudents``.

Import them from ``inficond_panel``, which loads each when it is first used.
"""

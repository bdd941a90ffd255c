"""For those who script: ``open_students``, ``load_students`` and the estimator ``ConceptStudents``.

Import them from ``inficond_panel``, which loads each when it is first used.
"""

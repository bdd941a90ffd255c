"""Python API: students of a store or of data frames, and the estimator ``ConceptStudents``.

Import them from ``inficond_panel``, which loads each when it is first used.
"""

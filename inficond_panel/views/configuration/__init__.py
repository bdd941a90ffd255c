"""Configuration view: data set, student, class, split, scope and their metrics."""

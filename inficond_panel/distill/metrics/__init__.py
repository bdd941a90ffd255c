"""Metrics of students, their intervals, and metrics on slices."""

"""Fits and refits of students: training data, bounds, choice of solver and penalties."""

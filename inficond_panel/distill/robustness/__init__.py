"""Robustness of influences: bootstrap refits, collinearity."""

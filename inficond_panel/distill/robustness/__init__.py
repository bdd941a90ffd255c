"""Robustness of influences: bootstrap refits, random counterparts, collinearity."""

"""Solvers of the students: exact with certificate, and the recipe of the paper."""

"""Shift of a class between fit and tune: verdicts, suspects, and what mends them."""

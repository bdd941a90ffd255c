"""Shift from the photos that a student was fitted to, to others: suspects and balance."""

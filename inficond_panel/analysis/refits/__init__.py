"""Refits taken apart: cost of bounds, concepts and classes that moved along, what-if curves."""

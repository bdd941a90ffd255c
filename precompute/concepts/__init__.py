"""Concepts of a corpus: reading, filters, sources, and projection to the plane."""

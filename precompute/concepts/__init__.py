"""Concepts of a corpus, and their projection to the plane."""

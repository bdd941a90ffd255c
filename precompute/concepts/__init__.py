"""Concepts of a corpus: read, filter and collect them, and project them to the plane."""

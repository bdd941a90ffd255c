"""Concept embedding view: the map of the concepts."""

"""Recipes of data sets and models that the project ships; not part of the wheel."""

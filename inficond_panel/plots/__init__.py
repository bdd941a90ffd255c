"""Plots as HoloViews elements, drawn by plain functions, for the page and for notebooks."""

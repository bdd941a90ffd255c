"""Functions that return plots as HoloViews elements, for the page and for notebooks."""

"""Analysis of a node: report on its refit, metrics with their noise, and comparisons."""

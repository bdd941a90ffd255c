"""Cures carried out: terms of a fit resolved from the labels of tune, and judged without them."""

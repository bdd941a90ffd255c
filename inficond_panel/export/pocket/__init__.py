"""A pocket: a small network with students, learned, measured, written and read."""

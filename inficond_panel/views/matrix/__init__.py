"""Matrix of influences: all students at once."""

"""Results: one function each, which returns a pandas frame that every door shows."""

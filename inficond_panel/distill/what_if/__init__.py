"""Metrics as functions of one weight: the curves of what-if."""

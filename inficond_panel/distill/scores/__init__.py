"""Passes over concept scores in memory, on disk or on a cluster."""

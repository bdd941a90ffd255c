"""Repairs: resolution to terms by labels of tune, and cross-fitted evaluation."""

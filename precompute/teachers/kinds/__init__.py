"""Loaders of teachers, by kind: files, hubs, Python objects, zero-shot."""

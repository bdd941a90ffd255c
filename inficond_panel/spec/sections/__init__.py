"""Sections of the spec, one module per top-level key."""

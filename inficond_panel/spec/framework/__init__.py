"""Typed keys and sections read from YAML; each problem is reported with line and column."""

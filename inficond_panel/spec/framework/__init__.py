"""Typed fields and sections read from YAML, with every problem reported at its position."""

"""Helpers that do not depend on students: caches, clock, files, numbers, threads."""

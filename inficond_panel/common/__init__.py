"""Helpers without knowledge of students: caches, clock, bounded files, threads."""

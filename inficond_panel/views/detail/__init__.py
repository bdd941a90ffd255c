"""Concept detail view: the effect of one concept on one student, and its images."""

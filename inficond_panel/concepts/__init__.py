"""Concepts: texts, scores in images, and concepts typed after a store was made."""

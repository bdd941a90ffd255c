"""Concepts: their texts, their scores in images, and those typed after a store was made."""

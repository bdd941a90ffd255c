"""Rows of concepts: influence, what-if, thumbs, the hand on an influence, whether it holds."""

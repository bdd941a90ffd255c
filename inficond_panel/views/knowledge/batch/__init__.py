"""Batch of pending thumbs and cures: its bar, and the last result."""

"""Student performance view: one row per class."""

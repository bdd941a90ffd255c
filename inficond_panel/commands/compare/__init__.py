"""``inficond compare``."""

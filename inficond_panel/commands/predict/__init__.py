"""``inficond predict``."""

"""``inficond serve``."""

"""``inficond study``."""

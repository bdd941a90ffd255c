"""``inficond concept``."""

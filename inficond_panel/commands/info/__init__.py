"""``inficond info``."""

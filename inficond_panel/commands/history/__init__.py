"""``inficond history``."""

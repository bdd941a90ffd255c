"""``inficond init``."""

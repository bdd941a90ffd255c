"""``inficond quantify``."""

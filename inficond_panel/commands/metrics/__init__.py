"""``inficond metrics``."""

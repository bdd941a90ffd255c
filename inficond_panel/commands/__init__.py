"""Commands of ``inficond``; each module is loaded when its command is called."""

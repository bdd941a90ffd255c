"""The commands of ``inficond``, loaded when called."""

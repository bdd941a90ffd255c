"""A study under way: assignment, log, sessions, progress."""

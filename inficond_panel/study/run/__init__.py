"""A running study: assignment, log, sessions, progress."""

"""The provenance tree on disk: nodes, and the log of events."""

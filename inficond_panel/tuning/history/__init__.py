"""The provenance tree on disk: nodes, and the log of what happened to them."""

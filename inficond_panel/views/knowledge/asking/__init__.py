"""Photos that a person answers about one student."""

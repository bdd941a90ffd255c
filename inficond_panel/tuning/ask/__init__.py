"""Photos that a person is asked about, and the answers, which are taught where they help."""

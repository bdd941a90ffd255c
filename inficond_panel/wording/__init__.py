"""Sentences shared by the page, the command line and the model card."""

"""Intents of a person, and the bounds on weights that follow from them."""

"""What a person asks for, and the bounds on weights that follow from it."""

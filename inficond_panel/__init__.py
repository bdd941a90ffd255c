"""InFiConD Panel: interactive, no-code fine-tuning of concept-based student models."""

__version__ = "0.1.0"

"""Parts of ``benchmarks/ui.py``."""

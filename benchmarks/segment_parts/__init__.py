"""Parts of ``benchmarks/segments.py``."""

"""Parts of benchmarks/shift.py."""

"""Parts of benchmarks/solver.py."""

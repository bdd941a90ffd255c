"""Parts of benchmarks/oracle.py."""

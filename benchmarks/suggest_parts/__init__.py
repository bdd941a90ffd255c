"""Parts of benchmarks/suggest.py: thumbs by a machine, as baselines."""

"""Fine-tuning provenance view: the tree of iterations."""

"""The pipeline from a spec to a store, stage by stage."""

"""Batches of photos: encoded and segmented in threads or on a cluster, reused by content."""

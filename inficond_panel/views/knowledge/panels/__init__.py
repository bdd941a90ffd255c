"""Panels that unfold under the batch: metrics, threshold, mending, report on the refit."""

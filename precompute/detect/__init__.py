"""Detect the layout of a folder with images and labels, to write a spec for it."""

from precompute.detect.find import find_layout
from precompute.detect.layout import Layout, plan_splits

__all__ = ["Layout", "find_layout", "plan_splits"]

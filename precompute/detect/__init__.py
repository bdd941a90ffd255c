"""Detect the data set in a folder with images and labels, to write its spec (``inficond init``)."""

from precompute.detect.find import find_layout
from precompute.detect.layout import Layout, plan_splits

__all__ = ["Layout", "find_layout", "plan_splits"]

"""Detect the data set in a folder with images and labels, to write its spec (``inficond init``)."""

from precompute.detect.find import find_layout
from precompute.detect.layout import FolderLayout, plan_splits

__all__ = ["FolderLayout", "find_layout", "plan_splits"]

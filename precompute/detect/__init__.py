"""Detect what a folder with images and labels holds, to write a spec for it (``inficond init``)."""

from precompute.detect.find import find_layout
from precompute.detect.layout import Layout, plan_splits

__all__ = ["Layout", "find_layout", "plan_splits"]

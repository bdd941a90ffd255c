"""Looking at a folder with images and labels, to write a spec for it."""

from precompute.layouts.find import find_layout
from precompute.layouts.layout import Layout, plan_splits
from precompute.layouts.tables import glance

__all__ = ["Layout", "find_layout", "glance", "plan_splits"]

"""The six views: plain functions from data to an element, and one thin Viewer each."""

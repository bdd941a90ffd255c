"""What a node tells: its refit's report, its metrics with their noise, and how it compares."""

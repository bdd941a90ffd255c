"""The page: its shell, the layout of the six views, its address and static copy."""

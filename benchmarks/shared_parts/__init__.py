"""Parts of ``shared.py`` and ``groups.py``."""

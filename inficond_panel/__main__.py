"""``python -m inficond_panel``: the same as ``inficond``."""

import sys

from inficond_panel.cli import main

if __name__ == "__main__":
    sys.exit(main())

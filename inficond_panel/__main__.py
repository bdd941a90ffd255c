"""``python -m inficond_panel``: runs ``inficond``."""

import sys

from inficond_panel.cli import main

if __name__ == "__main__":
    sys.exit(main())

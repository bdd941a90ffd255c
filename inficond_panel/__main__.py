"""``python -m inficond_panel``: the same as ``inficond``."""

import sys

from inficond_panel.cli import main

sys.exit(main())

"""Words of tables that say whether a thing is present; upper and lower case are equal."""

from __future__ import annotations

PRESENT = ("1", "1.0", "yes", "y", "true", "present")
ABSENT = ("0", "0.0", "no", "n", "false", "absent")

"""Three totals for the changelog of a release: Python, JS and CSS, and the minutes of the tests.

    make figures

Nothing limits them: a change is reviewed by what it names as replaced, not by its lines.
"""

import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("inficond_panel", "precompute")


def main() -> None:
    """Print the two counts of lines, then run ``make test`` and print its minutes."""
    print(f"Python: {lines('py'):,} lines in {' and '.join(PACKAGES)}")
    print(f"JS and CSS: {lines('js') + lines('css'):,} lines", flush=True)
    begun = time.monotonic()
    tests = subprocess.run(["make", "test"], cwd=ROOT, check=False)
    ended = "passed" if tests.returncode == 0 else "failed"
    print(f"make test: {(time.monotonic() - begun) / 60:.0f} minutes, {ended}")


def lines(suffix: str) -> int:
    """Lines of the shipped files with this suffix."""
    files = (file for package in PACKAGES for file in (ROOT / package).rglob(f"*.{suffix}"))
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


if __name__ == "__main__":
    main()

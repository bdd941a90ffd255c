"""The budget of the house: what each room holds, beside what it may hold.

    python tests/house/budget.py

Prints the figures of budget.toml, and fails where one has grown past its budget, or has become so
much smaller that the budget should follow. Whoever needs more changes budget.toml in the same
commit, and says there what it is for and what went for it.
"""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from modules import MODULES, ROOT

HERE = Path(__file__).parent
#: Room below a budget, as a share of it, that need not be given back.
SLACK = 0.02


def main() -> None:
    """Print all figures; exit with 1 where one does not keep to its budget."""
    budget = tomllib.loads((HERE / "budget.toml").read_text(encoding="utf-8"))
    figures = measured()
    faults = []
    for part, limits in budget.items():
        for name in dict.fromkeys([*limits, *figures[part]]):
            now, limit = figures[part].get(name, 0), limits.get(name, 0)
            print(f"{part:8} {name:32} {now:7,} of {limit:7,}")
            if fault := fault_of(now, limit):
                faults.append(f"{part}, {name}: {now:,} of {limit:,}: {fault}")
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


def fault_of(now: int, limit: int) -> str:
    """What is wrong with a figure beside its budget; empty where it keeps to it."""
    if now > limit:
        return "more than its budget; say in budget.toml what it is for"
    if now < limit * (1 - SLACK) - 10:
        return "less than its budget; lower that in budget.toml"
    return ""


def measured() -> dict[str, dict[str, int]]:
    """Figures by part and name."""
    package = ROOT / "inficond_panel"
    browser = [file for kind in ("js", "css") for file in package.rglob(f"*.{kind}")]
    shipped = [file for name, file in MODULES.items() if ".recipes" not in name]
    return {
        "python": rooms(shipped),
        "browser": rooms(browser),
        "house": {
            "files of Python": len(shipped),
            "lines of tests": sum(map(lines, (ROOT / "tests").rglob("*.py"))),
            "words of docs": sum(map(words, (ROOT / "docs").glob("*.md"))),
        },
    }


def rooms(files: Iterable[Path]) -> dict[str, int]:
    """Lines by room: the first folder below a package, or the package for what lies in it."""
    found: Counter[str] = Counter()
    for file in files:
        *folders, _ = file.relative_to(ROOT).parts
        found["/".join(folders[:2])] += lines(file)
    return dict(sorted(found.items()))


def lines(file: Path) -> int:
    """Lines of a file."""
    return len(file.read_text(encoding="utf-8").splitlines())


def words(file: Path) -> int:
    """Words of a page, its code and tables among them."""
    return len(re.findall(r"\S+", file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()

"""Commands that README and docs show, as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_SHELL = {"", "sh", "console"}


def code_lines(page: Path) -> Iterator[tuple[int, str, str]]:
    """Lines of code of a page: number, language, text; indented code has none."""
    fence = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            fence = line[3:].strip() if fence is None else None
        elif fence is not None or line.startswith("    "):
            yield number, fence or "", line.strip()


def commands(page: Path) -> Iterator[tuple[int, str]]:
    """Lines ``inficond …``, those that go on joined, without comments."""
    start, text = 0, ""
    for number, language, line in code_lines(page):
        if language not in _SHELL:
            continue
        start = start if text else number
        text = f"{text}{line}"
        if text.endswith("\\"):
            text = text[:-1]
            continue
        if text.startswith("inficond "):
            yield start, re.sub(r"\s+#.*", "", text)
        text = ""

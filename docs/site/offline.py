"""Check that a built site asks no other host: ``python docs/site/offline.py FOLDER``."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

#: Attributes that make a browser fetch something. A link to click (``a href``) fetches nothing.
FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
}
_ELSEWHERE = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
_IN_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?\s*(?:https?:)?//[^'\")\s]+", re.IGNORECASE)


class _Fetched(HTMLParser):
    """Addresses at other hosts that a page has its browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag's address, where it is one of another host."""
        for name, value in attrs:
            if name in FETCHED.get(tag, ()) and _ELSEWHERE.match(value or ""):
                self.found.append(f"<{tag} {name}={value}>")


def outside(folder: Path) -> list[str]:
    """Each address at another host that a page or a style sheet of the folder fetches, by file."""
    faults = []
    for file in sorted(folder.rglob("*")):
        if file.suffix not in {".html", ".css"}:
            continue
        text = file.read_text(encoding="utf-8")
        page = _Fetched()
        if file.suffix == ".html":
            page.feed(text)
        found = [*page.found, *_IN_STYLE.findall(text)]
        faults += [f"{file.relative_to(folder)}: {address}" for address in found]
    return faults


if __name__ == "__main__":
    faults = outside(Path(sys.argv[1]))
    sys.exit("\n".join(["The site asks other hosts:", *faults]) if faults else 0)

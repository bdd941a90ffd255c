"""README as an index shows it, where links to files of this tree lead nowhere: hatchling runs it.

With an address ``Source`` among the project's URLs they lead there. Without one their text stays.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^]]*)\]\((?![a-z]+:)([^)]*)\)")


class CustomMetadataHook(MetadataHookInterface):
    """Sets ``readme`` of the project's metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the README into ``metadata``, with absolute links only."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source", "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, source.rstrip("/")),
        }


def with_absolute_links(text: str, source: str) -> str:
    """Markdown whose links to files lead to the tree at ``source``, a URL, or "" for none."""

    def absolute(found: re.Match[str]) -> str:
        is_picture, words, target = found.groups()
        if not source:
            return "" if is_picture else words
        kind = "raw" if is_picture else "blob"
        return f"{is_picture}[{words}]({source}/{kind}/HEAD/{target})"

    return _LINK.sub(absolute, text)

"""The site's pages are those of docs/, and each link between pages leads somewhere."""

from __future__ import annotations

import itertools
import re
import runpy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from documented import PAGES, ROOT
from markdown_it import MarkdownIt
from markdown_it.token import Token
from ruamel.yaml import YAML

DOCS = ROOT / "docs"
NAVIGATION = DOCS / "site" / "navigation.yml"
LEFT_OUT: set[str] = set()  #: pages of docs/ that the site does not have
PARTS = ["Tutorials", "How-to", "Reference", "Background"]
LINKED = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
_PARSER = MarkdownIt("commonmark").enable("table")


def tokens(page: Path) -> list[Token]:
    return _PARSER.parse(page.read_text(encoding="utf-8"))


def inline(page: Path) -> Iterator[Token]:
    for token in tokens(page):
        yield from token.children or []


def links(page: Path) -> Iterator[str]:
    """Addresses of links and pictures."""
    for token in inline(page):
        address = token.attrGet("href") or token.attrGet("src")
        if address:
            yield unquote(str(address))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as code hosts name them: the second of two alike gets ``-1``."""
    seen: Counter[str] = Counter()
    found = set()
    parts = tokens(page)
    for opening, heading in itertools.pairwise(parts):
        if opening.type != "heading_open":
            continue
        text = "".join(child.content for child in heading.children or [])
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def navigation() -> dict:
    return YAML(typ="safe").load(NAVIGATION)


def in_navigation() -> list[str]:
    parts = navigation()
    entries = [entry["file"] for part in parts["subtrees"] for entry in part["entries"]]
    return [parts["root"], *entries]


def test_each_page_is_in_the_navigation_once_or_left_out():
    there = {page.stem for page in DOCS.glob("*.md")}
    assert Counter(in_navigation()) == Counter(there - LEFT_OUT)
    assert there >= LEFT_OUT


def test_the_navigation_has_four_parts():
    assert [part["caption"] for part in navigation()["subtrees"]] == PARTS


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.stem)
def test_links_of_a_page_lead_somewhere(page):
    faults = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        to = (page.parent / path).resolve() if path else page
        if not to.exists() or (anchor and (to.suffix != ".md" or anchor not in anchors(to))):
            faults.append(link)
    assert faults == []


def test_a_lost_page_and_a_lost_anchor_are_seen(tmp_path):
    here = tmp_path / "here.md"
    here.write_text(
        "# A b\n\n## A b\n\n[x](gone.md) `[y](code.md)`\n\n| t |\n| - |\n| [z](#a-b-1) |\n"
    )
    assert list(links(here)) == ["gone.md", "#a-b-1"]
    assert anchors(here) == {"a-b", "a-b-1"}


def test_the_check_of_the_site_sees_what_asks_another_host(tmp_path):
    outside = runpy.run_path(str(DOCS / "site" / "offline.py"))["outside"]
    (tmp_path / "good.html").write_text(
        '<a href="https://a.example">x</a><script src="_static/a.js"></script>'
        '<img src="data:image/png;base64,AA"><pre>&lt;script src="https://a.example"&gt;</pre>'
    )
    assert outside(tmp_path) == []
    (tmp_path / "bad.html").write_text(
        '<link href="//b.example/f.css"><IMG src="http://c.example">'
    )
    (tmp_path / "bad.css").write_text("a { background: url('https://d.example/x.png') }")
    assert len(outside(tmp_path)) == 3

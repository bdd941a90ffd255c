"""The site's pages are those of docs/, and each link between pages leads somewhere."""

import functools
import itertools
import re
import runpy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from documented import PAGES, ROOT
from markdown_it import MarkdownIt
from markdown_it.token import Token
from ruamel.yaml import YAML

DOCS = ROOT / "docs"
PARTS = ["Tutorials", "How-to", "Reference", "Background"]
LINKED = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
_PARSER = MarkdownIt("commonmark").enable("table")


def tokens(page: Path) -> list[Token]:
    return _PARSER.parse(page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    for token in itertools.chain.from_iterable(token.children or [] for token in tokens(page)):
        if address := token.attrGet("href") or token.attrGet("src"):
            yield unquote(str(address))


@functools.cache
def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as code hosts name them: the second of two alike gets ``-1``."""
    seen: Counter[str] = Counter()
    found = set()
    for opening, heading in itertools.pairwise(tokens(page)):
        if opening.type != "heading_open":
            continue
        text = "".join(child.content for child in heading.children or [])
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def lost(page: Path) -> list[str]:
    faults = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        to = (page.parent / path).resolve() if path else page
        there = to.exists() and (not anchor or (to.suffix == ".md" and anchor in anchors(to)))
        if not there and not re.match(r"[a-z]+:", link):
            faults.append(link)
    return faults


def test_pages_are_once_in_the_navigation_and_all_links_lead_somewhere(tmp_path):
    parts = YAML(typ="safe").load(DOCS / "site" / "navigation.yml")
    assert [part["caption"] for part in parts["subtrees"]] == PARTS
    entries = [entry["file"] for part in parts["subtrees"] for entry in part["entries"]]
    assert Counter([parts["root"], *entries]) == Counter(page.stem for page in DOCS.glob("*.md"))
    assert {page.name: found for page in LINKED if (found := lost(page))} == {}
    here = tmp_path / "here.md"
    here.write_text(
        "# A b\n\n## A b\n\n[x](gone.md) `[y](no.md)`\n\n| t |\n| - |\n| [z](#a-b-1) |\n"
    )
    assert list(links(here)) == ["gone.md", "#a-b-1"]
    assert lost(here) == ["gone.md"]


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

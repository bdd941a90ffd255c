"""``inficond docs``: the installed pages of the documentation."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from inficond_panel.commands.shared.output import say
from inficond_panel.common.installation import shipped_folder
from inficond_panel.common.near_words import missing
from inficond_panel.errors import InficondError

DESCRIPTION = (
    "Pages are Markdown without pictures, and come with each installation. A link such as "
    "metrics.md means the page metrics. To scroll a long page: inficond docs spec | less"
)
EXAMPLE = "inficond docs troubleshooting"

#: A picture on a separate line; pictures are not installed.
_PICTURE = re.compile(r"^!\[[^]]*\]\([^)]*\)\n\n?", re.MULTILINE)
#: Placeholder that the site replaces by the docstring of a name.
_DOCSTRING = re.compile(r"^<!-- auto\w+: (\S+) -->$", re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond docs`` to its parser."""
    parser.add_argument(
        "page", nargs="?", metavar="PAGE", help="name of a page (default: list all pages)"
    )
    parser.add_argument(
        "--schema",
        action="store_true",
        help="print the JSON Schema of the files that the page spec, study-spec or quantify-spec "
        "describes, for editors",
    )


def run(args: argparse.Namespace) -> None:
    """Print a page, or the list of pages with their titles."""
    folder = shipped_folder("docs")
    pages = {path.stem: path for path in sorted(folder.glob("*.md"))}
    if args.page is None:
        width = max(map(len, pages), default=0)
        for name, path in pages.items():
            lines = path.read_text(encoding="utf-8").splitlines()
            headings = (line.lstrip("# ").rstrip() for line in lines if line.startswith("# "))
            say(f"{name:<{width}}  {next(headings, '')}")
        return
    name = Path(args.page).name.removesuffix(".md")
    if name not in pages:
        raise InficondError(missing("page", args.page, pages), "`inficond docs` lists the pages.")
    if args.schema:
        schema = pages[name].with_suffix(".schema.json")
        if not schema.exists():
            known = ", ".join(page for page in pages if (folder / f"{page}.schema.json").exists())
            raise InficondError(f"The page {name} describes no file.", f"Name one of: {known}.")
        say(schema.read_text(encoding="utf-8").rstrip())
        return
    text = _PICTURE.sub("", pages[name].read_text(encoding="utf-8"))
    say(_DOCSTRING.sub(r"    help(\1)", text).rstrip())

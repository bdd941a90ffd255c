"""The demo's page within a built site: ``python docs/site/look.py FOLDER``.

It is there to look at without installing: what ``inficond page`` writes after a thumb on two
concepts, but for two things: its scripts are files of the site, and it has fewer concepts and
images.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import inficond_panel
from inficond_panel.app import page_html
from inficond_panel.views.page.exploring import Extent

#: The bytes are of the page with its scripts, of which 2.75 MB become files of their own.
SMALL = Extent(concepts=2, most=5_200_000, least=0)
LARGE = 30_000  #: from so many characters on a script is a file of its own
PAGE, FRONT = "look.html", "index.html"
_SCRIPT = re.compile(r'<script type="text/javascript">(.*?)</script>', re.DOTALL)
_PICTURE = re.compile(r"<p>(<img [^>]*demo\.webp[^>]*/?>)</p>")


def write(folder: Path) -> int:
    """Write the page and its scripts, and name it on the front page; return the page's bytes."""
    scripts = folder / "_static" / "look"
    scripts.mkdir()

    def moved(match: re.Match[str]) -> str:
        content = match[1].encode()
        if len(content) < LARGE:
            return match[0]
        name = f"{hashlib.sha256(content).hexdigest()[:12]}.js"
        (scripts / name).write_bytes(content)
        return f'<script src="_static/look/{name}"></script>'

    html = _SCRIPT.sub(moved, _page())
    (folder / PAGE).write_text(html, encoding="utf-8")
    front = (folder / FRONT).read_text(encoding="utf-8")
    told = f'<p><a href="{PAGE}">Look at this page here</a>, read only, without installing.</p>'
    front, places = _PICTURE.subn(
        lambda match: f'<p><a href="{PAGE}">{match[1]}</a></p>{told}', front
    )
    if places != 1:
        sys.exit("The front page has no moving picture to put the link below.")
    (folder / FRONT).write_text(front, encoding="utf-8")
    return len(html.encode())


def _page() -> str:
    students = inficond_panel.open_students("demo", history=":memory:").fit()
    students.remove("bicycle", ["traffic light", "vertical traffic light"])
    return page_html(students.tuner, students.node, "bicycle", extent=SMALL)


if __name__ == "__main__":
    size = write(Path(sys.argv[1]))
    sys.stdout.write(f"{PAGE}: {size / 1e6:.1f} MB\n")

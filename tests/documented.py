"""Commands that README and docs show, as they stand there, and what they do in an empty folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Pages that show what their commands print.
PRINTED = [ROOT / "docs" / f"{name}.md" for name in ("tutorial", "repair")]
#: What the pages call files, folders and specs of the reader's own; ``students`` is an export.
OWN = (
    *("SPEC", "my.yaml", "photos.yaml", "voc.yaml", "birds.yaml", "faces.yaml", "run.yaml"),
    *("photos", "waterbird_complete95_forest2water2", "scores.csv", "own.zarr", "students"),
)
#: Commands on what comes along that an installed package refuses, each with what it says.
REFUSED = {
    "quantify experiment demo": "only the source tree has",
    "quantify add demo": "only the source tree has",
    "quantify experiment benchmarks/specs/voc2007.yaml": "benchmarks/specs/voc2007.yaml",
    "quantify table distilled": "distilled",  # the folder of an experiment
    "predict students": "--spec is only for an export",  # and the folder of one is not there
    "init --download voc2007": "could not be downloaded",  # without network
    "page --try pocket": "pocket cannot be read",
}
#: Pages with commands on the table of captions in ``examples``.
OF_CAPTIONS = {"data"}
_SHELL = {"", "sh", "console"}


def code_lines(page: Path) -> Iterator[tuple[int, str, str]]:
    """Lines of code of a page: number, language, text as it stands; indented code has no language,
    and loses its indent."""
    fence = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            fence = line[3:].strip() if fence is None else None
        elif fence is not None:
            yield number, fence, line
        elif line.startswith("    "):
            yield number, "", line.strip()


def commands(page: Path) -> Iterator[tuple[int, str]]:
    """Lines ``inficond …``, those that go on joined, without comments."""
    start, text = 0, ""
    for number, language, line in code_lines(page):
        if language not in _SHELL:
            continue
        start = start if text else number
        text = f"{text}{line.strip()}"
        if text.endswith("\\"):
            text = text[:-1]
            continue
        if text.startswith("inficond "):
            yield start, re.sub(r"\s+#.*", "", text)
        text = ""


def refusal(text: str) -> str:
    """What a command says where it cannot be done in an empty folder; "" where it is done."""
    words = shlex.split(text)[1:]
    for begin, said in REFUSED.items():
        if words[: len(begin.split())] == begin.split():
            return said
    outputs = {after for word, after in pairwise(words) if word == "--output"}
    named = (own for word in words for own in OWN if word in {own, f"{own}.yaml"} - outputs)
    return next(named, "")


def write_shown(page: Path, folder: Path) -> None:
    """Write what the commands of a page name: edits that it shows, a list of images, captions."""
    yaml = [line for _, language, line in code_lines(page) if language == "yaml"]
    (folder / "edits.yaml").write_text("\n".join(yaml) + "\n")
    odd = "".join(f"scene-{i:05d}\n" for i in range(1, 2000, 2))
    (folder / "odd.txt").write_text(odd)
    if page.stem in OF_CAPTIONS:
        table = (ROOT / "examples" / "wildlife_captions.csv").read_text(encoding="utf-8")
        (folder / "wildlife_captions.csv").write_text(table, encoding="utf-8")
        (folder / "new.csv").write_text("id,caption\n1,a deer by the river\n")

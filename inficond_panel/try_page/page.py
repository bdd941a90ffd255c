"""The page of a pocket: a folder for any web host, or one HTML file.

The page holds its script, its style, and the facts on classes and concepts. The network and
onnxruntime-web lie beside it, or in it. It loads nothing else: its Content-Security-Policy allows
its own script alone, and no other host.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inficond_panel.common.files import File, read_bytes, write_folder, write_whole
from inficond_panel.common.numbers import count, size_text
from inficond_panel.errors import DataError, ExportError, Remedy
from inficond_panel.export.pocket.folder import MODEL
from inficond_panel.export.pocket.reading import PocketModel, load_pocket
from inficond_panel.results.frame import templates
from inficond_panel.store.images import UnreadableImage, decode, thumbnail
from inficond_panel.ui.browser import module
from inficond_panel.version import __version__
from inficond_panel.vocabulary.palette import css_variables

_HERE = Path(__file__).resolve().parent
_RUNTIME = _HERE / "runtime"
#: Files of onnxruntime-web: its script, its WebAssembly in gzip, and the licences of both.
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm.gz"
LICENCES, RUNTIME_VERSION = "LICENSES.txt", "1.30.0"
INDEX = "index.html"
#: Largest page in one HTML file, in bytes: a phone keeps it in memory several times.
LARGEST_FILE = 32 * 10**6
#: Largest network, in bytes.
_LARGEST_MODEL = 1 << 30
#: Interpolations that the page's script knows (``scripts/resize.js``).
_INTERPOLATIONS = ("bicubic", "bilinear", "nearest")
#: Longest side of an example, in pixels, and its JPEG quality. Its colours keep their full size:
#: halved ones changed logits of drawn scenes by 0.2, full ones by 0.04.
_EXAMPLE_SIDE, _EXAMPLE_QUALITY = 640, 95
#: What the script needs of a pocket's metadata.
_FACTS = ("classes", "concepts", "intercepts", "thresholds", "task", "link", "preprocessing")
#: Firefox has the origin "null" for a file, with which onnxruntime-web makes no address.
_ORIGIN = (
    'const{origin:$origin}=self.location,location={origin:$origin==="null"?"file://":$origin};'
)
_EXPORTS = re.compile(r"export\s*\{([^}]*)\};?\s*(//# sourceMappingURL=\S+)?\s*\Z")


@dataclass(frozen=True)
class TryPage:
    """A pocket's page: the network's bytes ``model``, and the JSON ``facts`` of the script."""

    title: str
    sentence: str
    origin: str
    facts: Mapping[str, Any] = field(repr=False)
    model: bytes = field(repr=False)

    def files(self) -> dict[str, bytes]:
        """Return the files of a folder by name: the page and what it loads."""
        runtime = (_RUNTIME / WASM).read_bytes()
        parts = [_beside("runtime", WASM, runtime), _beside("model", MODEL, self.model)]
        page = self._page(parts, "connect-src 'self'", LICENCES, "Loading.")
        licences = (_RUNTIME / LICENCES).read_bytes()
        return {INDEX: page, MODEL: self.model, WASM: runtime, LICENCES: licences}

    def one_file(self) -> bytes:
        """Return the page with all that it needs; ``ExportError`` above ``LARGEST_FILE``."""
        runtime = (_RUNTIME / WASM).read_bytes()
        licences = (_RUNTIME / LICENCES).read_text(encoding="utf-8")
        parts = [
            _within("licences", _in_script(licences)),
            _within("runtime", base64.b64encode(runtime).decode()),
            _within("model", base64.b64encode(self.model).decode()),
        ]
        size = size_text(sum(len(part["text"]) for part in parts))
        page = self._page(parts, "connect-src 'none'", "", f"Loading {size}.")
        if len(page) > LARGEST_FILE:
            raise ExportError(
                f"As one HTML file the page has {size_text(len(page))}, more than "
                f"{size_text(LARGEST_FILE)}.",
                "Write a folder: name an output without .html; or take pocket-int8.onnx.",
            )
        return page

    def _page(
        self, parts: Sequence[Mapping[str, Any]], connect: str, licences: str, waiting: str
    ) -> bytes:
        """Return the HTML; ``waiting`` is shown until all of it has come."""
        style = css_variables() + (_HERE / "try.css").read_text(encoding="utf-8")
        script = _script()
        policy = "; ".join(
            [
                "default-src 'none'",
                f"script-src {_hash(script)} 'wasm-unsafe-eval'",
                f"style-src {_hash(style)}",
                "img-src data:",
                connect,
                "base-uri 'none'",
                "form-action 'none'",
            ]
        )
        facts = json.dumps(self.facts, ensure_ascii=False, allow_nan=False)
        page = templates(_HERE).get_template("try.html.j2")
        text: str = page.render(
            title=self.title,
            sentence=self.sentence,
            origin=self.origin,
            policy=policy,
            style=style,
            script=script,
            facts=_in_script(facts),
            parts=parts,
            licences_file=licences,
            waiting=waiting,
            version=__version__,
            runtime_version=RUNTIME_VERSION,
        )
        return text.encode()


def _beside(part: str, file: str, content: bytes) -> dict[str, Any]:
    return {"id": part, "file": file, "bytes": len(content), "text": ""}


def _within(part: str, text: str) -> dict[str, Any]:
    return {"id": part, "file": "", "text": text}


def _in_script(text: str) -> str:
    """Return JSON, or text that nobody reads again, so that it cannot end a script element."""
    return text.replace("<", "\\u003c")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _script() -> str:
    """Return the page's script: onnxruntime-web as ``$ort``, and our modules."""
    runtime = (_RUNTIME / SCRIPT).read_text(encoding="utf-8")
    found = _EXPORTS.search(runtime)
    if found is None:
        raise ValueError(f"{SCRIPT} does not end with its exports")
    pairs = [name.split(" as ") for name in found[1].split(",")]
    exports = ",".join(f"{public.strip()}:{private.strip()}" for private, public in pairs)
    body = f"{_ORIGIN}{runtime[: found.start()]};return{{{exports}}}"
    return f"const $ort=(()=>{{{body}}})();\n{module(_HERE / 'scripts/try.js')}"


def make_page(pocket: str | Path, examples: Sequence[str | Path] = ()) -> TryPage:
    """Return the page of a pocket, a folder or one of its ONNX files; ``examples`` are photos to
    try, made small and without their metadata.

    Raises ``ExportError`` as ``load_pocket``, and for preprocessing that the page does not know;
    ``DataError`` for an example that cannot be read.
    """
    path = Path(pocket)
    model = load_pocket(path / MODEL if path.is_dir() else path)
    _check(model)
    facts, students = model.facts, model.students
    node, trunk = facts["node"], facts["trunk"]
    used = f"{count(len(students.concepts), 'concept')}"
    return TryPage(
        title=str(facts["title"]),
        sentence=f"A small network decides {count(len(students.classes), 'class')} by {used}."
        + precision_sentence(facts["average_precision"]),
        origin=f"Network: {trunk['name']}, {trunk['numbers']}; students of iteration "
        f"#{node['number']} ({node['id']}); teacher: {facts['teacher']}.",
        facts={
            **{key: facts[key] for key in _FACTS},
            "weights": [_sparse(column) for column in students.weights.T],
            "means": [float(mean) for mean in facts["mean_score"]],
            "examples": [_example(Path(photo)) for photo in examples],
        },
        model=read_bytes(model.path, _LARGEST_MODEL),
    )


def precision_sentence(found: Mapping[str, Any]) -> str:
    """Return a sentence, after a space, on the AP of the network and of the students that it stands
    for, as ``average_precisions`` has them; "" if one is undefined."""
    if found["pocket"] is None or found["students"] is None:
        return ""
    return (
        f" On {count(found['images'], 'labelled image')} its average precision is "
        f"{found['pocket']:.2f} in the mean over classes (1 is perfect); that of the students that "
        f"it stands for is {found['students']:.2f}."
    )


def _sparse(weights: Any) -> list[list[float | int]]:
    """Return the index and the weight of each concept that a class uses."""
    return [[at, float(weight)] for at, weight in enumerate(weights) if weight]


def _check(model: PocketModel) -> None:
    """Raise ``ExportError`` for preprocessing that the page does not know; no pocket has it."""
    steps = model.facts["preprocessing"]
    unknown = steps.get("crop") or steps.get("channels", "rgb") != "rgb"
    if unknown or steps["interpolation"] not in _INTERPOLATIONS:
        raise ExportError(
            f"{model.path} prepares photos in a way that the page does not know: {steps}.",
            "Make a pocket with another trunk: "
            + Remedy("inficond pocket SPEC --output FOLDER", "students.pocket(FOLDER)"),
        )


def _example(photo: Path) -> str:
    try:
        jpeg, _ = thumbnail(decode(photo), _EXAMPLE_SIDE, _EXAMPLE_QUALITY, subsampling=0)
    except UnreadableImage as fault:
        raise DataError(f"{photo} cannot be read: {fault}.", "Name a JPEG or PNG file.") from fault
    return base64.b64encode(jpeg).decode()


def page_file(page: TryPage, stem: str) -> File:
    """Return a page as one file: HTML, or above ``LARGEST_FILE`` a zip of its folder."""
    try:
        return File(f"{stem}.html", page.one_file())
    except ExportError:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, part in page.files().items():
                archive.writestr(f"{stem}/{name}", part)
        return File(f"{stem}.zip", content.getvalue())


def write_page(page: TryPage, output: str | Path) -> dict[str, int]:
    """Write a page: to one file if ``output`` ends with .html, else to a new folder. Return the
    bytes of each file by path.

    Raises ``ExportError`` for a folder that exists, and for a page too large for one file.
    """
    target = Path(output)
    if target.suffix.lower() in (".html", ".htm"):
        content = page.one_file()
        write_whole(target, content)
        return {str(target): len(content)}
    files = page.files()
    with write_folder(target, False, ()) as write:
        for name, content in files.items():
            write(name, content)
    return {str(target / name): len(content) for name, content in files.items()}

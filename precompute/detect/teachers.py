"""Teacher of a spec that is written: a file, or a kind with a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Any

from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.package_teachers import activation_of
from precompute.detect.choice import Choice, Written, as_path
from precompute.detect.encoders import choose_encoder, hub_model
from precompute.detect.layout import Layout
from precompute.encoder.hub import model_config
from precompute.teachers.kinds.timm_models import known_weights
from precompute.teachers.kinds.transformers_models import own_names
from precompute.teachers.outputs import names_in_file

_KIND_OF = {
    ".csv": "logits",
    ".parquet": "logits",
    ".pq": "logits",
    ".npz": "logits",
    ".onnx": "onnx",
    ".torchscript": "torchscript",
    ".ts": "torchscript",
}
_IMAGENET = {"size": [224, 224], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def choose_teacher(given: str | None, layout: Layout, written: Written) -> Choice:
    """The teacher that is given, as a file or as ``KIND:NAME``, else a table of logits in the
    folder, else heads that are fitted on the labels.

    Nothing is downloaded here. Raises ``DataError`` for a kind, a name or a file that is not there.
    """
    if given is None:
        return _detected(layout, written)
    kind, colon, name = given.partition(":")
    drive = PureWindowsPath(given).drive  # no kind is one letter
    if Path(given).is_file() or drive or (not colon and kind not in _ALONE):
        return _by_suffix(Path(given), written)
    if kind not in _KINDS:
        raise DataError(f"There is no kind {kind!r} of teacher.{near(kind, _KINDS)}", FORMS)
    return _KINDS[kind](kind, name, written)


def _detected(layout: Layout, written: Written) -> Choice:
    tables = sorted(layout.logits, key=lambda path: ("logit" not in path.stem, path.name))
    if tables:
        return _of_table("logits", str(tables[0]), written)
    if layout.kind == "store":
        raise DataError("A store holds no photos.", "Name a table of logits: --teacher FILE")
    heads = _of_encoder("head", "", written)
    return replace(heads, note=f"no logits found: {heads.note}")


def _by_suffix(path: Path, written: Written) -> Choice:
    _check_there(path, _KINDS)
    kind = _KIND_OF.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path} does not say what it is.", FORMS)
    return _KINDS[kind](kind, str(path), written)


def _check_there(path: Path, kinds: Any = ()) -> None:
    if path.is_file():
        return
    folder = path.parent
    files = [str(folder / other.name) for other in folder.iterdir()] if folder.is_dir() else []
    raise DataError(f"There is no file {path}.{near(str(path), [*files, *kinds])}", FORMS)


def _of_table(kind: str, name: str, written: Written) -> Choice:
    path = Path(name)
    _check_there(path)
    return Choice({"kind": kind, "path": written(path)}, f"logits from {written(path)}", path)


def _of_file(kind: str, name: str, written: Written) -> Choice:
    path = Path(name)
    _check_there(path)
    return Choice(
        {"kind": kind, "path": written(path), "preprocessing": _IMAGENET},
        f"{written(path)} is run on the photos; its input is assumed to be as for ImageNet: "
        "check it",
        **_outputs(kind, path),
    )


def _outputs(kind: str, path: Path) -> dict[str, Any]:
    """Names of the outputs in a network's file, as a choice takes them."""
    names = tuple(names_in_file(kind, path))
    return {"outputs": names, "nameless": not names}


def _of_query2label(kind: str, name: str, written: Written) -> Choice:
    path = Path(name)
    _check_there(path)
    note = (
        f"{written(path)} is run on the photos; its backbone is assumed to be resnet101: check it"
    )
    return Choice(
        {"kind": kind, "path": written(path), "backbone": "resnet101"}, note, nameless=True
    )


def _of_timm(kind: str, name: str, written: Written) -> Choice:
    """``NAME.TAG`` or ``NAME:FILE``."""
    model, colon, file = name.partition(":")
    if colon:
        known_weights(model)
        _check_there(Path(file))
        keys = {"kind": kind, "model": model, "pretrained": as_path(written(Path(file)))}
        note = f"{model} of timm, with the weights {written(Path(file))}"
        return Choice(keys, note, **_outputs(kind, Path(file)))
    model, _, tag = name.partition(".")
    tags = known_weights(model)
    if tag not in tags:
        raise DataError(
            f"timm knows no weights {tag!r} of {model}.{near(tag, tags, most=3)} "
            f"There are {', '.join(tags) or 'none'}.",
            f"Name one of them, or a file: --teacher timm:{model}.TAG or timm:{model}:FILE",
        )
    note = f"{name} of timm, downloaded at the first run; name its outputs: teacher.classes"
    return Choice({"kind": kind, "model": model, "pretrained": tag}, note)


def _of_transformers(kind: str, name: str, written: Written) -> Choice:
    """A folder, or ``ORG/NAME`` of the hub."""
    keys, note = hub_model(name, written)
    config = model_config(Path(name) if Path(name).is_dir() else keys["model"])
    outputs = tuple(own_names(name, config)) if config else ()
    activation = activation_of(config or {})
    return Choice({"kind": kind, **keys}, note, outputs=outputs, activation=activation)


def _of_encoder(kind: str, name: str, written: Written) -> Choice:
    """Words or heads on the concepts' encoder, or on another one that is named."""
    what = {
        "head": "linear heads are fitted on the labels of fit",
        "open_clip": "an image-text model that is told the classes' names",
    }[kind]
    if not name:
        return Choice({"kind": kind}, what)
    encoder = choose_encoder(name, [], written)
    return Choice({"kind": kind, "encoder": encoder.keys}, f"{what}: {encoder.note}")


_KINDS: dict[str, Callable[[str, str, Written], Choice]] = {
    "logits": _of_table,
    "torchscript": _of_file,
    "onnx": _of_file,
    "timm": _of_timm,
    "query2label": _of_query2label,
    "transformers": _of_transformers,
    "open_clip": _of_encoder,
    "head": _of_encoder,
}
#: Kinds that need no name.
_ALONE = ("open_clip", "head")
FORMS = (
    f"Name a file ({', '.join(_KIND_OF)}), or KIND:NAME, where KIND is one of {', '.join(_KINDS)}: "
    "such as onnx:net.onnx, timm:resnet50.a1_in1k, timm:resnet50:weights.safetensors, "
    "transformers:ORG/NAME or head."
)

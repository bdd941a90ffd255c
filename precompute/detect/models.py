"""Choose encoder and teacher for a new spec, from files, folders or names of models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Any

from inficond_panel.common.names import name_key
from inficond_panel.common.near_words import listed, near
from inficond_panel.errors import DataError, Remedy
from inficond_panel.spec.sections.encoder import HUB, is_hub_name
from inficond_panel.spec.sections.teacher import activation_of
from inficond_panel.store.network_weights import check_weights, is_scripted, objects_in
from precompute.detect.chosen import ChosenModel
from precompute.detect.layout import FolderLayout
from precompute.detect.network_files import choose_onnx
from precompute.detect.writing import logit_classes
from precompute.encoder.hub import CONFIG, model_config
from precompute.encoder.source import WEIGHT_SUFFIXES, check_name, known_tags
from precompute.teachers.outputs import are_placeholders, names_in_file
from precompute.teachers.timm_models import known_weights, models_with, outputs_in
from precompute.teachers.torchscript_file import checked_archive
from precompute.teachers.transformers_models import own_names

#: Function from a path to its text in the spec.
Written = Callable[[Path], str]


def is_path(text: str) -> bool:
    """Return True if a text starts like a path (``.``, ``/`` or ``~``), or is an existing path."""
    return text.startswith((".", "/", "~")) or Path(text).exists()


def as_path(text: str) -> str:
    """Return a model's path with a slash: a spec takes a text without a slash as a model's name."""
    return text if "/" in text else f"./{text}"


_TRANSFORMERS = "transformers"
_NOTHING = ChosenModel(
    {"model": "ViT-B-16", "pretrained": "openai"},
    "none found: ViT-B-16 of OpenAI, downloaded at the first run (600 MB)",
    hint="Put open_clip_config.json and the weights (open_clip_model.safetensors) of a model into "
    "one folder, for example from a model's page on the Hugging Face Hub, and pass it: "
    "--encoder FOLDER",
)
_ENCODER_FORMS = (
    f"Name a folder with open_clip_config.json and the weights, {HUB}ORG/NAME, or a model of "
    "open_clip with its weights, NAME:TAG or NAME:FILE, such as ViT-B-16:openai; of the package "
    "transformers the folder of a CLIP or SigLIP, or transformers:ORG/NAME."
)


def choose_encoder(named: str | None, places: Iterable[Path], written: Written) -> ChosenModel:
    """Choose an encoder for a new spec: the encoder ``named`` or, if None, a folder ``encoder`` in
    ``places`` or else a model that open_clip downloads at the first run.

    Nothing is downloaded here. Raises ``DataError`` for a folder without an encoder, and for an
    unknown name or tag or a missing file.
    """
    if named is None:
        folders = [parent / "encoder" for parent in places]
        return next(
            (encoder for parent in folders if (encoder := _folder(parent, written))), _NOTHING
        )
    if named.startswith(f"{_TRANSFORMERS}:"):
        keys, note = hub_model(named.partition(":")[2], written)
        return ChosenModel({"kind": _TRANSFORMERS, **keys}, note)
    if named.startswith(HUB):
        if not is_hub_name(named):
            raise DataError(f"{named} does not name a model of the hub.", _ENCODER_FORMS)
        return ChosenModel(
            {"model": named}, f"{named.removeprefix(HUB)}, downloaded at the first run"
        )
    if is_path(named):
        folder = Path(named)
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder}.", _ENCODER_FORMS)
        if choice := _folder(folder, written):
            return choice
        raise DataError(f"{folder} holds no encoder that can be loaded.", _ENCODER_FORMS)
    return _by_name(named, written)


def hub_model(name: str, written: Written) -> tuple[dict[str, str], str]:
    """Return the spec's key ``model`` for a transformers model, and a note on where it comes from.

    ``name`` is a folder, or ``ORG/NAME`` on the hub. Raises ``DataError`` for any other text.
    """
    name = name.removeprefix(HUB)
    if Path(name).is_dir():
        model_config(Path(name))  # raises for a broken configuration
        if not list(Path(name).glob("*.safetensors")):
            raise DataError(
                f"{name} has no weights as safetensors, the only format that is read.",
                _ENCODER_FORMS,
            )
        return {"model": as_path(written(Path(name)))}, f"found in {name}"
    if not is_hub_name(f"{HUB}{name}") or is_path(name):
        raise DataError(f"{name} is neither a folder nor ORG/NAME of the hub.", _ENCODER_FORMS)
    note = f"{name} of the hub, downloaded at the first run unless it was downloaded before"
    return {"model": f"{HUB}{name}"}, note


def _folder(folder: Path, written: Written) -> ChosenModel | None:
    """Return the encoder that a folder holds; None if it holds no encoder."""
    if (folder / CONFIG).is_file():
        keys, note = hub_model(str(folder), written)
        return ChosenModel({"kind": _TRANSFORMERS, **keys}, note)
    if not (folder / "open_clip_config.json").is_file():
        return None
    files = [path for path in sorted(folder.iterdir()) if path.suffix in WEIGHT_SUFFIXES]
    if not files:
        return None
    weights = min(files, key=lambda path: WEIGHT_SUFFIXES.index(path.suffix))
    return ChosenModel(
        {"model": as_path(written(folder)), "pretrained": as_path(written(weights))},
        f"found in {folder}",
    )


def _by_name(named: str, written: Written) -> ChosenModel:
    name, _, weights = named.partition(":")
    check_name(name)
    if Path(weights).suffix in WEIGHT_SUFFIXES:
        if not Path(weights).is_file():
            raise DataError(f"There is no file {weights}.", _ENCODER_FORMS)
        check_weights(Path(weights))
        keys = {"model": name, "pretrained": as_path(written(Path(weights)))}
        return ChosenModel(keys, f"{name} with the weights {weights}")
    tags = known_tags(name)
    if weights not in tags:
        what = f"open_clip knows no weights {weights!r} of {name}." if weights else ""
        first = f"{name}:{(tags or ['FILE'])[0]}"
        raise DataError(
            f"{what or f'The weights of {name} are not named.'}{near(weights, tags, most=3)} "
            f"There are {', '.join(tags) or 'none'}.",
            "Name one of these, or a file: " + Remedy(f"--encoder {first}", f'encoder="{first}"'),
        )
    note = f"{name} with the weights {weights}, downloaded at the first run"
    return ChosenModel({"model": name, "pretrained": weights}, note)


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


def choose_teacher(named: str | None, layout: FolderLayout, written: Written) -> ChosenModel:
    """Choose a teacher for a new spec: the teacher ``named`` (a file, or ``KIND:NAME``) or, if
    None, a table of logits in the folder, or else heads that are fitted on the labels.

    Nothing is downloaded here. Raises ``DataError`` for an unknown kind or name or a missing file.
    """
    if named is None:
        tables = sorted(layout.logits, key=lambda path: ("logit" not in path.stem, path.name))
        if tables:
            return _of_table("logits", str(tables[0]), written)
        if layout.kind == "store":
            raise DataError("A store holds no photos.", "Name a table of logits: --teacher FILE")
        heads = _of_encoder("head", "", written)
        note = f"no logits found: {heads.note}"
        perhaps = layout.perhaps_logits
        return replace(heads, note=note, doubtful=layout.doubtful, perhaps=perhaps)
    kind, colon, name = named.partition(":")
    path, drive = Path(named), PureWindowsPath(named).drive  # no kind is one letter
    if path.is_file() or drive or (not colon and kind not in _ALONE):
        _check_there(path, _KINDS)
        kind, name = _KIND_OF.get(path.suffix.lower(), ""), named
        if not kind and is_scripted(objects_in(path)):
            kind = "torchscript"
        if not kind:
            check_weights(path)
            raise DataError(f"{path} has no known format.", _KIND_FORMS)
    elif kind not in _KINDS:
        raise DataError(f"{kind!r} is not a kind of teacher.{near(kind, _KINDS)}", _KIND_FORMS)
    return _KINDS[kind](kind, name, written)


def with_table(
    teacher: ChosenModel, classes: Sequence[str], written: Written
) -> tuple[ChosenModel, list[str]]:
    """Return the teacher of the first table in ``teacher.perhaps`` with columns named like
    ``classes``, or ``teacher`` if there is none, and notes on the tables that are not used."""
    known = set(map(name_key, classes))
    fits = [path for path in teacher.perhaps if known & set(map(name_key, logit_classes(path)))]
    others = [path.name for path in teacher.perhaps if path not in fits[:1]]
    why = "another table has the logits" if fits else "no column is named like a class"
    notes = [f"not used: {listed(others, 5)}, as {why}"] * bool(others)
    return (_of_table("logits", str(fits[0]), written) if fits else teacher), notes


def choose_word_teacher(named: str | None, written: Written) -> ChosenModel:
    """Choose a teacher for captions without photos: the table of outputs ``named``, or heads on
    the words of the captions (``head``, or None). Raises ``DataError`` for a missing file."""
    if named in (None, "head"):
        what = "a regression on the words of the captions is fitted on the labels of fit"
        return ChosenModel({"kind": "head"}, what)
    return _of_table("logits", str(named).removeprefix("logits:"), written)


def _check_there(path: Path, kinds: Any = ()) -> None:
    if path.is_file():
        return
    folder = path.parent
    files = [str(folder / other.name) for other in folder.iterdir()] if folder.is_dir() else []
    raise DataError(f"There is no file {path}.{near(str(path), [*files, *kinds])}", _KIND_FORMS)


def _of_table(kind: str, name: str, written: Written) -> ChosenModel:
    path = Path(name)
    _check_there(path)
    return ChosenModel({"kind": kind, "path": written(path)}, f"logits from {written(path)}", path)


def _of_file(kind: str, name: str, written: Written) -> ChosenModel:
    path = Path(name)
    _check_there(path)
    if kind == "onnx":
        return choose_onnx(path, written(path), names_in_file(kind, path))
    if not is_scripted(objects_in(path)):
        check_weights(path)
    checked_archive(path)
    return ChosenModel(
        {"kind": kind, "path": written(path), "preprocessing": _IMAGENET},
        f"{written(path)} is run on the photos",
        **_outputs(kind, path),
    )


def _outputs(kind: str, path: Path) -> dict[str, Any]:
    """Return output names from a network's file, as the fields of ``ChosenModel`` that they set."""
    names = tuple(names_in_file(kind, path))
    return {"outputs": names, "nameless": not names}


def _of_query2label(kind: str, name: str, written: Written) -> ChosenModel:
    path = Path(name)
    _check_there(path)
    check_weights(path)
    note = (
        f"{written(path)} is run on the photos; its backbone is assumed to be resnet101: check it"
    )
    return ChosenModel(
        {"kind": kind, "path": written(path), "backbone": "resnet101"}, note, nameless=True
    )


def _of_timm(kind: str, name: str, written: Written) -> ChosenModel:
    """Choose a timm teacher from ``NAME.TAG`` or ``NAME:FILE``."""
    model, colon, file = name.partition(":")
    if colon:
        known_weights(model)
        return _with_weights(kind, model, Path(file), written)
    model, _, tag = name.partition(".")
    tags = known_weights(model)
    if tag not in tags:
        raise DataError(
            f"timm knows no weights {tag!r} of {model}.{near(tag, tags, most=3)} "
            f"There are {', '.join(tags) or 'none'}.",
            f"Name one of these, or a file: --teacher timm:{model}.TAG or timm:{model}:FILE",
        )
    note = f"{name} of timm, downloaded at the first run; name its outputs: teacher.classes"
    return ChosenModel({"kind": kind, "model": model, "pretrained": tag}, note)


def _of_torchvision(kind: str, name: str, written: Written) -> ChosenModel:
    """Choose a torchvision teacher from ``NAME:FILE``."""
    model, _, file = name.partition(":")
    models_with(model)
    return _with_weights(kind, model, Path(file), written)


def _with_weights(kind: str, model: str, file: Path, written: Written) -> ChosenModel:
    """Choose the architecture ``model`` of the package ``kind``, with weights from a file."""
    _check_there(file)
    check_weights(file)
    keys = {"kind": kind, "model": model, "pretrained": as_path(written(file))}
    facts = _outputs(kind, file)
    if facts["nameless"]:
        facts["outputs"] = tuple(f"LABEL_{i}" for i in range(outputs_in(kind, model, file)))
    return ChosenModel(keys, f"{model} of {kind}, with the weights {written(file)}", **facts)


def _of_transformers(kind: str, name: str, written: Written) -> ChosenModel:
    """Choose a transformers teacher from a folder, or from ``ORG/NAME`` on the hub."""
    keys, note = hub_model(name, written)
    config = model_config(Path(name) if Path(name).is_dir() else keys["model"])
    outputs = tuple(own_names(name, config)) if config else ()
    activation = activation_of(config or {})
    nameless = are_placeholders(outputs)
    return ChosenModel(
        {"kind": kind, **keys}, note, outputs=outputs, activation=activation, nameless=nameless
    )


def _of_encoder(kind: str, name: str, written: Written) -> ChosenModel:
    """Choose a teacher of kind head or open_clip; ``name`` is its encoder, "" the concepts' one."""
    what = {
        "head": "linear heads are fitted on the labels of fit",
        "open_clip": "an image-text model classifies by the classes' names",
    }[kind]
    if not name:
        return ChosenModel({"kind": kind}, what)
    encoder = choose_encoder(name, [], written)
    return ChosenModel({"kind": kind, "encoder": encoder.keys}, f"{what}: {encoder.note}")


_KINDS: dict[str, Callable[[str, str, Written], ChosenModel]] = {
    "logits": _of_table,
    "torchscript": _of_file,
    "onnx": _of_file,
    "timm": _of_timm,
    "torchvision": _of_torchvision,
    "query2label": _of_query2label,
    "transformers": _of_transformers,
    "open_clip": _of_encoder,
    "head": _of_encoder,
}
#: Kinds that need no name.
_ALONE = ("open_clip", "head")
_KIND_FORMS = (
    f"Name a file ({', '.join(_KIND_OF)}), or KIND:NAME, where KIND is one of {', '.join(_KINDS)}: "
    "such as onnx:net.onnx, timm:resnet50.a1_in1k, timm:resnet50:weights.safetensors, "
    "torchvision:resnet18:weights.pt, transformers:ORG/NAME or head."
)

"""Encoder of a spec that is written: a folder, or a model by its name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import HUB, is_hub_name
from precompute.detect.choice import Choice, Written, as_path, is_path
from precompute.encoder.hub import CONFIG, model_config
from precompute.encoder.source import check_name, known_tags

_TRANSFORMERS = "transformers"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
_NOTHING = Choice(
    {"model": "ViT-B-16", "pretrained": "openai"},
    "none found: ViT-B-16 of OpenAI, downloaded at the first run (600 MB)",
    hint="Put open_clip_config.json and the weights (open_clip_model.safetensors) of a model into "
    "one folder, such as the page of an open_clip model on the Hugging Face Hub has them, and "
    "name it: --encoder FOLDER",
)
FORMS = (
    f"Name a folder with open_clip_config.json and the weights, {HUB}ORG/NAME, or a model of "
    "open_clip with its weights, NAME:TAG or NAME:FILE, such as ViT-B-16:openai; of the package "
    "transformers the folder of a CLIP or SigLIP, or transformers:ORG/NAME."
)


def choose_encoder(given: str | None, places: Iterable[Path], written: Written) -> Choice:
    """The encoder that is given, else one in a folder called encoder in ``places``, else a model
    that open_clip downloads.

    Nothing is downloaded here. Raises ``DataError`` for a folder without an encoder, and for a
    name, a tag or a file that is not there.
    """
    if given is None:
        folders = [place / "encoder" for place in places]
        return next((found for place in folders if (found := _folder(place, written))), _NOTHING)
    if given.startswith(f"{_TRANSFORMERS}:"):
        keys, note = hub_model(given.partition(":")[2], written)
        return Choice({"kind": _TRANSFORMERS, **keys}, note)
    if given.startswith(HUB):
        return _of_hub(given)
    if is_path(given):
        return _of_folder(Path(given), written)
    return _by_name(given, written)


def _of_hub(given: str) -> Choice:
    if not is_hub_name(given):
        raise DataError(f"{given} names no model of the hub.", FORMS)
    return Choice({"model": given}, f"{given.removeprefix(HUB)}, downloaded at the first run")


def hub_model(name: str, written: Written) -> tuple[dict[str, str], str]:
    """Key ``model`` of a model of transformers, and where it comes from: a folder, or ORG/NAME.

    Raises ``DataError`` for any other text.
    """
    name = name.removeprefix(HUB)
    if Path(name).is_dir():
        model_config(Path(name))  # refuses a broken one
        if not list(Path(name).glob("*.safetensors")):
            raise DataError(f"{name} has no weights as safetensors.", FORMS)
        return {"model": as_path(written(Path(name)))}, f"found in {name}"
    if not is_hub_name(f"{HUB}{name}") or is_path(name):
        raise DataError(f"{name} is no folder, and no ORG/NAME of the hub.", FORMS)
    note = f"{name} of the hub, downloaded at the first run, if it is not here yet"
    return {"model": f"{HUB}{name}"}, note


def _of_folder(folder: Path, written: Written) -> Choice:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.", FORMS)
    found = _folder(folder, written)
    if found is None:
        raise DataError(f"{folder} holds no encoder.", FORMS)
    return found


def _folder(folder: Path, written: Written) -> Choice | None:
    """Model in a folder; None without one."""
    if (folder / CONFIG).is_file():
        keys, note = hub_model(str(folder), written)
        return Choice({"kind": _TRANSFORMERS, **keys}, note)
    if not (folder / "open_clip_config.json").is_file():
        return None
    files = [path for path in sorted(folder.iterdir()) if path.suffix in _WEIGHTS]
    if not files:
        return None
    weights = min(files, key=lambda path: _WEIGHTS.index(path.suffix))
    return Choice(
        {"model": as_path(written(folder)), "pretrained": as_path(written(weights))},
        f"found in {folder}",
    )


def _by_name(given: str, written: Written) -> Choice:
    name, _, weights = given.partition(":")
    check_name(name)
    if Path(weights).suffix in _WEIGHTS:
        if not Path(weights).is_file():
            raise DataError(f"There is no file {weights}.", FORMS)
        keys = {"model": name, "pretrained": as_path(written(Path(weights)))}
        return Choice(keys, f"{name} with the weights {weights}")
    tags = known_tags(name)
    if weights not in tags:
        what = f"open_clip knows no weights {weights!r} of {name}." if weights else ""
        raise DataError(
            f"{what or f'The weights of {name} are not named.'}{near(weights, tags, most=3)} "
            f"There are {', '.join(tags) or 'none'}.",
            f"Name one of them, or a file: --encoder {name}:{(tags or ['FILE'])[0]}",
        )
    note = f"{name} with the weights {weights}, downloaded at the first run"
    return Choice({"model": name, "pretrained": weights}, note)

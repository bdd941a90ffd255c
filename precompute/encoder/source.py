"""Locate, hash and download an encoder's configuration and weights.

Only models that a spec names by a tag of open_clip or as ``hf-hub:org/name`` are downloaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from inficond_panel.common.files import ANNOTATION_BYTES, read_text
from inficond_panel.common.installation import needs
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import HUB, OpenClipEncoder
from inficond_panel.spec.sections.encoder import Encoder as Section
from inficond_panel.spec.sections.functions import FunctionEncoder, check_allowed
from precompute.encoder.hub import (
    cached_file,
    check_answer,
    digest_of,
    fetch_model,
    hub_address,
    model_digest,
    settings_files,
)
from precompute.functions import source

OPEN_CLIP_CONFIG = "open_clip_config.json"
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_TOKENIZER = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "*.model",
)  # fmt: skip


def fetch_encoder(encoder: Section) -> None:
    """Download an encoder's files if the spec names a tag of weights or a model on the hub. Raises
    ``DataError`` for a Python function that is not allowed."""
    if isinstance(encoder, FunctionEncoder):
        check_allowed(encoder)
    elif isinstance(encoder, OpenClipEncoder):
        if not isinstance(encoder.model, Path) and not isinstance(encoder.pretrained, Path):
            find_source(encoder)
    else:
        fetch_model(encoder.model)


def encoder_name(encoder: Section) -> str:
    """Return the name under which a store records an encoder: of open_clip's a folder's checkpoint,
    else model and weights."""
    if not isinstance(encoder, OpenClipEncoder):
        return encoder.title
    if isinstance(encoder.model, Path):
        return _weights_of(encoder.model, encoder.pretrained).stem
    if encoder.pretrained is None:
        return str(encoder.model)
    return f"{encoder.model} ({Path(encoder.pretrained).name})"


def encoder_digest(encoder: Section) -> str:
    """Return the SHA-256 of an encoder's configuration, weights, tokenizer and preprocessing.

    For a model of open_clip by name, the name stands for its configuration. Files that were never
    downloaded are represented by the names in the spec. Of a Python function it is the hash of its
    name, its file and its weights.
    """
    if isinstance(encoder, FunctionEncoder):
        return digest_of([*source(encoder), *filter(None, [encoder.weights])])
    if not isinstance(encoder, OpenClipEncoder):
        return model_digest(encoder.model)
    model, pretrained = encoder.model, encoder.pretrained
    if isinstance(model, Path):
        return _folder_digest(model, _weights_of(model, pretrained))
    if model.startswith(HUB):
        folder = cached_folder(model.removeprefix(HUB))
        return _folder_digest(folder, _weights_in(folder)) if folder else digest_of([model])
    if isinstance(pretrained, Path):
        return digest_of([model, pretrained])
    tag = str(pretrained)
    return digest_of([model, tag, *filter(None, [cached_weights(model, tag)])])


def _folder_digest(folder: Path, weights: Path) -> str:
    """Return the SHA-256 of a model in a folder: configuration, weights, and all files that its
    tokenizer or its text tower may read."""
    others = [path for path in settings_files(folder) if path.name != OPEN_CLIP_CONFIG]
    others += _tower_files(folder)
    named = [part for path in others for part in (path.name, path)]
    return digest_of([folder / OPEN_CLIP_CONFIG, weights, *named])


def _tower_files(folder: Path) -> list[Path]:
    """Return the configuration of a text tower that a folder's configuration names."""
    try:
        text = json.loads(read_text(folder / OPEN_CLIP_CONFIG, ANNOTATION_BYTES))["model_cfg"][
            "text_cfg"
        ]
        name = str(text.get("hf_model_name") or "")
        local = Path(name) / "config.json"
        file = local if name and local.is_file() else cached_file(name, local.name)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []  # no such tower; loading the model reports other faults
    return [file] if file else []


def encoder_inputs(encoder: Section) -> dict[str, Any]:
    """Return all settings that cell embeddings depend on, as plain data; no model is loaded."""
    size = encoder.image_size
    return {
        "kind": encoder.kind,
        "digest": encoder_digest(encoder),
        "image_size": list(size) if isinstance(size, tuple) else size,
        "attention": encoder.attention,
    }


@dataclass(frozen=True)
class WeightsSource:
    """Location of an open_clip model and its weights.

    ``model`` is open_clip's name of the model, or ``local-dir:FOLDER``; ``weights`` is a file;
    ``tag`` is the weights' tag, None if the spec names a file; ``online`` is True if missing files,
    such as a tokenizer's, may be downloaded."""

    model: str
    weights: Path
    tag: str | None = None
    online: bool = False

    def quick_gelu(self, config: dict[str, Any]) -> bool:
        """Return True if ``config`` or the tag states that the model was trained with QuickGELU."""
        settings = tag_settings(self.model, self.tag) if self.tag else {}
        return bool(config.get("quick_gelu") or settings.get("quick_gelu"))

    def preprocessing(self) -> dict[str, Any] | None:
        """Return mean, std and interpolation of the weights; None if a folder's config has them.

        For a weights file of a named model they come from the model's tags. Raises ``DataError`` if
        the tags differ, since wrong settings give worse vectors without an error.
        """
        if self.model.startswith("local-dir:"):
            return None
        tags = [self.tag] if self.tag else known_tags(self.model)
        known = [tag_settings(self.model, tag) for tag in tags]
        kinds = {json.dumps({k: v[k] for k in _PREPROCESSING if k in v}) for v in known}
        if len(kinds) > 1:
            raise DataError(
                f"open_clip's weights of {self.model} differ in their preprocessing, and it is "
                f"unknown which {self.weights.name} needs.",
                f"Put the weights into a folder with their {OPEN_CLIP_CONFIG}, and set "
                f"concepts.encoder.model to the folder.",
            )
        return json.loads(kinds.pop()) if kinds else {}


_PREPROCESSING = ("mean", "std", "interpolation")


def find_source(encoder: OpenClipEncoder) -> WeightsSource:
    """Return the location of a spec's open_clip encoder; download a tag's weights or a hub's model.

    Raises ``DataError`` for missing files and for failed downloads.
    """
    model, pretrained = encoder.model, encoder.pretrained
    if isinstance(model, Path):
        if not (model / OPEN_CLIP_CONFIG).is_file():
            raise DataError(
                f"The folder {model} has no {OPEN_CLIP_CONFIG}.",
                "Copy that file from the source of the weights, or use open_clip's model name.",
            )
        _check_config(model / OPEN_CLIP_CONFIG)
        return WeightsSource(f"local-dir:{model}", _weights_of(model, pretrained))
    if model.startswith(HUB):
        folder = fetch_folder(model.removeprefix(HUB))
        return WeightsSource(f"local-dir:{folder}", _weights_in(folder), online=True)
    check_name(model)
    if isinstance(pretrained, Path):
        if not pretrained.is_file():
            raise DataError(f"There is no file {pretrained}.", "Correct the path in the spec.")
        return WeightsSource(model, pretrained)
    tag = str(pretrained)
    return WeightsSource(model, fetch_weights(model, tag), tag, online=True)


def _check_config(path: Path) -> None:
    """Raise ``DataError`` for a configuration that is no JSON, or describes no model."""
    try:
        config = json.loads(read_text(path, ANNOTATION_BYTES))
        fault = "it has no entry model_cfg"
        known = isinstance(config, dict) and isinstance(config.get("model_cfg"), dict)
    except (OSError, ValueError) as error:
        known, fault = False, str(error)
    if not known:
        raise DataError(
            f"{path} is not a configuration of open_clip: {fault}.",
            "Copy this file again from the source of the weights.",
        )


def _weights_of(folder: Path, pretrained: Path | str | None) -> Path:
    if pretrained is None:
        return _weights_in(folder)
    if not isinstance(pretrained, Path) or not pretrained.is_file():
        raise DataError(
            f"The folder {folder} needs a file of weights: {str(pretrained)!r} is not a file of "
            "weights.",
            "Set concepts.encoder.pretrained to the checkpoint's file.",
        )
    return pretrained


def _weights_in(folder: Path) -> Path:
    files = sorted(path for path in folder.iterdir() if path.suffix in WEIGHT_SUFFIXES)
    safe = [path for path in files if path.suffix == ".safetensors"]
    chosen = safe if len(safe) == 1 else files
    if len(chosen) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise DataError(
            f"The folder {folder} needs one file of weights; it holds {names}.",
            "Set concepts.encoder.pretrained to one file of weights.",
        )
    return chosen[0]


def open_clip_package() -> ModuleType:
    """Import and return the package open_clip; ``MissingExtraError`` without open_clip or torch."""
    with needs("Encoding images", "precompute"):
        import open_clip
        import torch  # noqa: F401
    return open_clip


def check_name(model: str) -> None:
    """Raise ``DataError`` if open_clip does not know a model; ``MissingExtraError`` without it."""
    known = open_clip_package().list_models()
    if model not in known:
        raise DataError(
            f"open_clip knows no model {model}.{near(model, known, most=3)}",
            "Use a name of open_clip, hf-hub:ORG/NAME, or a folder with open_clip_config.json.",
        )


def known_tags(model: str) -> list[str]:
    """Return open_clip's tags of pretrained weights for a model, with or without QuickGELU."""
    base = model.removesuffix("-quickgelu")
    return list(open_clip_package().list_pretrained_tags_by_model(base))


def tag_settings(model: str, tag: str) -> dict[str, Any]:
    """Return open_clip's settings of a tag: file locations, preprocessing; {} if unknown."""
    open_clip = open_clip_package()
    settings = open_clip.get_pretrained_cfg(model, tag)
    return dict(settings or open_clip.get_pretrained_cfg(model.removesuffix("-quickgelu"), tag))


def fetch_weights(model: str, tag: str) -> Path:
    """Return the weights file that a tag names; download the file if it is missing.

    Raises ``DataError`` for an unknown tag and for a failed download, with manual instructions.
    """
    from open_clip.pretrained import download_pretrained

    settings = tag_settings(model, tag)
    if not settings:
        known = known_tags(model)
        raise DataError(
            f"open_clip knows no weights {tag!r} of {model}."
            + (f" There are {', '.join(known)}." if known else ""),
            "Set concepts.encoder.pretrained to a tag of the model, or to a file.",
        )
    here = cached_weights(model, tag)
    if here:
        return here
    try:
        check_answer(hub_address(_place(settings)[0]) if _place(settings)[0] else settings["url"])
        return Path(download_pretrained(settings))
    except Exception as error:  # the hub, urllib and the disk raise many kinds
        raise DataError(
            f"The weights {tag} of {model} are not on this machine, and the download failed: "
            f"{_reason(error)}",
            _by_hand(settings),
        ) from error


def cached_weights(model: str, tag: str) -> Path | None:
    """Return the weights file that a tag names; None if it was never downloaded."""
    settings = tag_settings(model, tag)
    repository, names = _place(settings)
    for name in names:
        path = cached_file(repository, name) if repository else None
        if path:
            return path
    return None


def fetch_folder(repository: str) -> Path:
    """Return the folder of a model on the hub (config, weights, tokenizer); download it once."""
    from huggingface_hub import snapshot_download

    here = cached_folder(repository)
    if here:
        return here
    try:
        check_answer(hub_address(repository))
        snapshot_download(repository, allow_patterns=[OPEN_CLIP_CONFIG, _FILES[0], *_TOKENIZER])
        if cached_folder(repository) is None:
            snapshot_download(repository, allow_patterns=[_FILES[1]])
    except Exception as error:
        raise DataError(
            f"hf-hub:{repository} is not on this machine, and the download failed: "
            f"{_reason(error)}",
            _folder_by_hand(repository),
        ) from error
    here = cached_folder(repository)
    if here is None:
        raise DataError(
            f"hf-hub:{repository} holds no {OPEN_CLIP_CONFIG} with {' or '.join(_FILES)}.",
            "Set concepts.encoder.model to a repository with a model of open_clip.",
        )
    return here


def cached_folder(repository: str) -> Path | None:
    """Return the folder of a model on the hub; None if config or weights were never downloaded."""
    config = cached_file(repository, OPEN_CLIP_CONFIG)
    weights = [cached_file(repository, name) for name in _FILES]
    return config.parent if config and any(weights) else None


def _place(config: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the hub's repository of a tag's weights, and the file names to try, in order."""
    repository, _, name = config.get("hf_hub", "").rpartition("/")
    return repository, (Path(name).with_suffix(".safetensors").name, name) if name else _FILES


def _by_hand(config: dict[str, Any]) -> str:
    repository, names = _place(config)
    if repository and names == _FILES:
        return _folder_by_hand(repository)
    url = f"https://huggingface.co/{repository}/resolve/main/{names[-1]}"
    return (
        f"Without network: download {url if repository else config.get('url')} elsewhere, and set "
        f"concepts.encoder.pretrained to the file."
    )


def _folder_by_hand(repository: str) -> str:
    name = repository.rpartition("/")[2]
    return (
        f"Without network: download {OPEN_CLIP_CONFIG} and {_FILES[0]} (or {_FILES[1]}; and "
        "tokenizer.json and tokenizer_config.json, if any) from "
        f"https://huggingface.co/{repository}/tree/main elsewhere, put them "
        f"into a folder encoders/{name} beside the spec, write model: "
        f"encoders/{name} under concepts.encoder, and leave out pretrained."
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"

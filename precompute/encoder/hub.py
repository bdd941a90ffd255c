"""Downloads of weights: only what a spec names by a tag of open_clip or as ``hf-hub:org/name``."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from inficond_panel.common.installation import missing_extra
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError

_CONFIG = "open_clip_config.json"
_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
#: Seconds that a server has to answer.
_PATIENCE = 4
_TOKENIZER = ("tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.model")


def open_clip_package() -> ModuleType:
    """The package open_clip; raises ``MissingExtraError`` where it or torch is not installed."""
    try:
        import open_clip
        import torch  # noqa: F401
    except ImportError as error:
        raise missing_extra("Encoding images", error, "precompute") from error
    return open_clip


def check_name(model: str) -> None:
    """Raise ``DataError`` for a model that open_clip does not know, ``MissingExtraError``."""
    known = open_clip_package().list_models()
    if model not in known:
        raise DataError(
            f"open_clip knows no model {model}.{near(model, known, most=3)}",
            "Name one that it knows, hf-hub:ORG/NAME, or a folder with open_clip_config.json.",
        )


def known_tags(model: str) -> list[str]:
    """Tags of the weights that open_clip knows of a model, also of its QuickGELU twin."""
    base = model.removesuffix("-quickgelu")
    return list(open_clip_package().list_pretrained_tags_by_model(base))


def tag_settings(model: str, tag: str) -> dict[str, Any]:
    """Settings that open_clip has of a tag: places of its files, preprocessing; {} if unknown."""
    open_clip = open_clip_package()
    found = open_clip.get_pretrained_cfg(model, tag)
    return dict(found or open_clip.get_pretrained_cfg(model.removesuffix("-quickgelu"), tag))


def fetch_weights(model: str, tag: str) -> Path:
    """File of a tag's weights, downloaded if it is not here.

    Raises ``DataError`` for an unknown tag, and for a download that fails, with what to put where.
    """
    from open_clip.pretrained import download_pretrained

    settings = tag_settings(model, tag)
    if not settings:
        known = known_tags(model)
        raise DataError(
            f"open_clip knows no weights {tag!r} of {model}."
            + (f" There are {', '.join(known)}." if known else ""),
            "Name one of them, or a file, under concepts.encoder.pretrained.",
        )
    here = cached_weights(model, tag)
    if here:
        return here
    try:
        check_answer(hub_address(_place(settings)[0]) if _place(settings)[0] else settings["url"])
        return Path(download_pretrained(settings))
    except Exception as error:  # the hub's, urllib's and the disk's, many kinds
        raise DataError(
            f"The weights {tag} of {model} are not on this machine, and the download failed: "
            f"{_reason(error)}",
            _by_hand(settings),
        ) from error


def cached_weights(model: str, tag: str) -> Path | None:
    """File of a tag's weights, if it was downloaded before."""
    found = tag_settings(model, tag)
    repository, names = _place(found)
    for name in names:
        path = _cached(repository, name) if repository else None
        if path:
            return path
    return None


def fetch_folder(repository: str) -> Path:
    """Folder with configuration, weights and tokenizer of a hub's model, downloaded if need be."""
    from huggingface_hub import snapshot_download

    here = cached_folder(repository)
    if here:
        return here
    try:
        check_answer(hub_address(repository))
        snapshot_download(repository, allow_patterns=[_CONFIG, _FILES[0], *_TOKENIZER])
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
            f"hf-hub:{repository} holds no {_CONFIG} with {' or '.join(_FILES)}.",
            "Name a repository with a model of open_clip.",
        )
    return here


def cached_folder(repository: str) -> Path | None:
    """Folder of a hub's model, if configuration and weights were downloaded before."""
    config = _cached(repository, _CONFIG)
    weights = [_cached(repository, name) for name in _FILES]
    return config.parent if config and any(weights) else None


def hub_address(repository: str) -> str:
    """Address by which the hub tells of a model."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/api/models/{repository}"


def check_answer(address: str) -> None:
    """Raise ``OSError`` where a server cannot be reached, or is silent: clients would ask again.

    What it answers is the client's business.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        if address.startswith(constants.ENDPOINT):
            return  # the hub's client says so itself
        raise ConnectionError("HF_HUB_OFFLINE is set")
    try:
        request = Request(address, method="HEAD")  # noqa: S310 - of the hub, or open_clip's own
        urlopen(request, timeout=_PATIENCE).close()  # noqa: S310
    except HTTPError:
        return
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            return  # it did answer, and clients have certificates of their own
        if isinstance(reason, TimeoutError):
            raise TimeoutError(f"no answer within {_PATIENCE} s") from error
        raise ConnectionError(str(reason)) from error


@contextmanager
def offline() -> Iterator[None]:
    """Let no library ask the hub meanwhile; without the hub's package none can."""
    try:
        from huggingface_hub import constants
    except ImportError:
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _cached(repository: str, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, name)
    return Path(found) if isinstance(found, str) else None


def _place(found: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Repository and names of the files that hold a tag's weights, in the order they are tried."""
    repository, _, name = found.get("hf_hub", "").rpartition("/")
    return repository, (Path(name).with_suffix(".safetensors").name, name) if name else _FILES


def _by_hand(found: dict[str, Any]) -> str:
    repository, names = _place(found)
    if repository and names == _FILES:
        return _folder_by_hand(repository)
    url = f"https://huggingface.co/{repository}/resolve/main/{names[-1]}"
    return (
        f"Without network: fetch {url if repository else found.get('url')} elsewhere and name the "
        f"file under concepts.encoder.pretrained."
    )


def _folder_by_hand(repository: str) -> str:
    name = repository.rpartition("/")[2]
    return (
        f"Without network: fetch {_CONFIG} and {_FILES[0]} (or {_FILES[1]}; and tokenizer.json and "
        f"tokenizer_config.json, if there) from https://huggingface.co/{repository}/tree/main "
        f"elsewhere, put them into a folder encoders/{name} beside the spec, write model: "
        f"encoders/{name} under concepts.encoder, and leave pretrained out."
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"

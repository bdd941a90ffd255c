"""Find, hash, download and load models in local folders and on the hub.

First functions for all models, then for models of the package transformers; those of open_clip are
in ``source``.
"""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from inficond_panel.common.files import ANNOTATION_BYTES, read_text
from inficond_panel.common.installation import needs
from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec.sections.encoder import HUB

#: Longest time to wait for a server's answer, in seconds.
_PATIENCE = 4
CONFIG = "config.json"
_INDEX = "model.safetensors.index.json"
#: Files of a model that are downloaded: no code, no pickled weights.
PATTERNS = (
    CONFIG, "preprocessor_config.json", "processor_config.json", "*.safetensors",
    "*.safetensors.index.json", "tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt",
    "*.model", "added_tokens.json",
)  # fmt: skip
#: Suffixes of files with settings and vocabularies, which packages look for in a model's folder.
_SETTINGS = (".json", ".txt", ".model", ".jinja", ".tiktoken")
#: File by which a package would load weights from another folder.
_ADAPTER = "adapter_config.json"
_REMEDY = (
    "Download the model's files elsewhere (config.json, *.safetensors, processor and tokenizer), "
    "and set the key model to their folder."
)


def hub_address(repository: str) -> str:
    """Return the address of a model's metadata on the hub."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/api/models/{repository}"


def check_answer(address: str) -> None:
    """Raise ``OSError`` if no server answers at ``address`` within seconds.

    Clients of the hub would retry for long. Any answer, also an HTTP error, is accepted.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        if address.startswith(constants.ENDPOINT):
            return  # the hub's client raises the error itself
        raise ConnectionError("HF_HUB_OFFLINE is set")
    try:
        request = Request(address, method="HEAD")  # noqa: S310 - the hub's or open_clip's address
        urlopen(request, timeout=_PATIENCE).close()  # noqa: S310
    except HTTPError:
        return
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            return  # the server answered; clients check certificates themselves
        if isinstance(reason, TimeoutError):
            raise TimeoutError(f"no answer within {_PATIENCE} s") from error
        raise ConnectionError(str(reason)) from error


@contextmanager
def offline() -> Iterator[None]:
    """Forbid downloads from the hub inside a ``with`` block; no effect without huggingface_hub."""
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


def cached_file(repository: str, name: str) -> Path | None:
    """Return the path of a file of a hub's repository; None if it was never downloaded, and without
    huggingface_hub."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    path = try_to_load_from_cache(repository, name)
    return Path(path) if isinstance(path, str) else None


def _state(path: Path) -> tuple[Path, int, int]:
    """Return path, size and modification time of a file; its hash is cached under these."""
    try:
        state = path.stat()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.",
            "Correct the path of the model in the spec.",
        ) from error
    return path, state.st_size, state.st_mtime_ns


def digest_of(parts: Sequence[Path | str]) -> str:
    """Return one SHA-256 of texts and of the bytes of files; ``DataError`` for a missing file."""
    return _digest(*[_state(part) if isinstance(part, Path) else part for part in parts])


@lru_cache(maxsize=16)
def _digest(*parts: str | tuple[Path, int, int]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
        else:
            with part[0].open("rb") as file:
                while block := file.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()


def fetch_model(model: Path | str) -> Path:
    """Return the folder of a model; download the model first if it is on the hub only.

    Raises ``DataError`` for a folder without configuration or safetensors, and for a failed
    download, within seconds if the hub cannot be reached.
    """
    folder = _folder_of(model) or _download(str(model))
    if not (folder / CONFIG).is_file():
        raise _no_config(folder)
    if not list(folder.glob("*.safetensors")):
        raise DataError(
            f"{model} has no weights as safetensors; pickled weights are not loaded, since they "
            "could run code.",
            "If you trust the weights, load the model elsewhere and save it with save_pretrained.",
        )
    return folder


def model_config(model: Path | str) -> dict[str, Any] | None:
    """Return a model's configuration; None if it was never downloaded. Nothing is downloaded.

    Raises ``DataError`` for an unreadable configuration.
    """
    folder = _folder_of(model)
    if folder is None:
        return None
    try:
        config = json.loads(read_text(folder / CONFIG, ANNOTATION_BYTES))
    except FileNotFoundError:
        raise _no_config(folder) from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder / CONFIG} cannot be read: {error}.", "Save the model with save_pretrained."
        ) from error
    if not isinstance(config, dict):
        raise DataError(
            f"{folder / CONFIG} is not a model's configuration.",
            "Save the model with save_pretrained.",
        )
    return config


def _no_config(folder: Path) -> DataError:
    return DataError(f"{folder} has no {CONFIG}.", "Save the model with model.save_pretrained.")


def model_digest(model: Path | str) -> str:
    """Return the SHA-256 of a model's files, or of its name if it was never downloaded."""
    folder = _folder_of(model)
    if folder is None:
        return digest_of([str(model)])
    return digest_of([part for path in model_files(folder) for part in (path.name, path)])


def model_files(folder: Path) -> list[Path]:
    """Return all files of a model of transformers: weights, settings and vocabularies, by name."""
    weights = [path for path in folder.glob("*.safetensors") if path.is_file()]
    return sorted({*weights, *settings_files(folder)})


def settings_files(folder: Path) -> list[Path]:
    """Return the files of settings and vocabularies in a model's folder, sorted by name."""
    files = [path for path in folder.iterdir() if path.suffix in _SETTINGS and path.is_file()]
    return sorted(path for path in files if path.name != _ADAPTER)


@contextmanager
def folder_of(files: Sequence[Path]) -> Iterator[Path]:
    """Yield a temporary folder with links to ``files`` and nothing else, for packages that take a
    folder: they can read no file that is not part of the model's hash."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path in files:
            (folder / path.name).symlink_to(path.resolve())
        yield folder


@contextmanager
def loading(model: Path | str) -> Iterator[Any]:
    """Yield the package transformers, silenced; errors in the ``with`` block become ``DataError``.

    Raises ``MissingExtraError`` if the package is missing.
    """
    with needs(f"The model {model}", "precompute", "transformers"):
        import torch  # noqa: F401
        import transformers
    log = transformers.utils.logging
    before = log.get_verbosity()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield transformers
    except InficondError:
        raise
    except Exception as error:  # transformers, torch and safetensors raise many kinds
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            f"The model {model} cannot be loaded: {type(error).__name__}: {reason}",
            "Use an architecture of the package transformers: code in a model's folder is not run. "
            "Save the folder again with save_pretrained.",
        ) from error
    finally:
        log.set_verbosity(before)
        log.enable_progress_bar()


def load_pretrained(auto: Any, folder: Path, named: Path | str) -> Any:
    """Load a model from a folder, in float32 and evaluation mode; nothing is downloaded. ``named``
    is the model as the spec names it, for messages.

    Raises ``DataError`` if weights are missing or have another shape: they would be random.
    """
    import torch

    model, report = auto.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        output_loading_info=True,
    )
    lacking = sorted(map(str, (*report["missing_keys"], *report["mismatched_keys"])))
    if lacking:
        raise DataError(
            f"The weights of {named} lack {listed(lacking, 3)}.",
            "Use a model that was trained for this task: the missing weights would be random.",
        )
    return model.requires_grad_(False).eval()


def _folder_of(model: Path | str) -> Path | None:
    """Return the folder of a model; None if files of a model on the hub were not downloaded."""
    if isinstance(model, Path):
        return model
    config, whole, index = (
        cached_file(model.removeprefix(HUB), name) for name in (CONFIG, "model.safetensors", _INDEX)
    )
    if config is None or not (whole or (index and _has_parts(model, index))):
        return None
    return config.parent


def _has_parts(model: str, index: Path) -> bool:
    """Return True if every weights file that ``index`` lists was downloaded."""
    try:
        parts = set(json.loads(read_text(index, ANNOTATION_BYTES))["weight_map"].values())
        return all(cached_file(model.removeprefix(HUB), str(name)) for name in parts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _download(model: str) -> Path:
    from huggingface_hub import snapshot_download

    repository = model.removeprefix(HUB)
    try:
        check_answer(hub_address(repository))
        return Path(snapshot_download(repository, allow_patterns=list(PATTERNS)))
    except Exception as error:  # the hub's client raises many kinds
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{model} is not on this machine, and the download failed: "
            f"{type(error).__name__}: {reason}",
            _REMEDY,
        ) from error

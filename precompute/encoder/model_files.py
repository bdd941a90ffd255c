"""Files of a model of the package transformers: a folder, or what the hub has under a name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inficond_panel.common.installation import missing_extra
from inficond_panel.common.reading import ANNOTATION_BYTES, read_text
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec.sections.encoder import HUB
from precompute.encoder.hub import check_answer, hub_address
from precompute.encoder.source import digest_of

CONFIG = "config.json"
_INDEX = "model.safetensors.index.json"
#: What a model may consist of: no code, no pickled weights.
PATTERNS = (
    CONFIG, "preprocessor_config.json", "processor_config.json", "*.safetensors",
    "*.safetensors.index.json", "tokenizer*.json", "special_tokens_map.json", "vocab*",
    "merges.txt", "spiece.model", "added_tokens.json",
)  # fmt: skip
_REMEDY = (
    "Fetch its files elsewhere (config.json, *.safetensors, and those of its processor and "
    "tokenizer), and name their folder as model."
)


def fetch_model(model: Path | str) -> Path:
    """Folder of a model; one of the hub is downloaded where it is not here.

    Raises ``DataError`` for a folder that holds no configuration or no safetensors, and for a
    download that fails, within seconds where the hub cannot be reached.
    """
    folder = model if isinstance(model, Path) else _cached(model) or _download(model)
    if not (folder / CONFIG).is_file():
        raise _no_config(folder)
    if not list(folder.glob("*.safetensors")):
        raise DataError(
            f"{model} has no weights as safetensors; pickled ones are not loaded: they could run "
            "code.",
            "If you trust them, load the model elsewhere and write it with save_pretrained.",
        )
    return folder


def model_config(model: Path | str) -> dict[str, Any] | None:
    """Configuration of a model; None where it is not here. Raises ``DataError`` for a broken one.

    Nothing is downloaded.
    """
    folder = model if isinstance(model, Path) else _cached(model)
    if folder is None:
        return None
    try:
        found = json.loads(read_text(folder / CONFIG, ANNOTATION_BYTES))
    except FileNotFoundError:
        raise _no_config(folder) from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder / CONFIG} cannot be read: {error}.", "Write it with save_pretrained."
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"{folder / CONFIG} is no configuration.", "Write it with save_pretrained.")
    return found


def _no_config(folder: Path) -> DataError:
    return DataError(f"{folder} has no {CONFIG}.", "Write it with model.save_pretrained.")


def model_digest(model: Path | str) -> str:
    """SHA-256 of the model's files; a model that is not here yet counts by its name."""
    folder = model if isinstance(model, Path) else _cached(model)
    if folder is None:
        return digest_of([str(model)])
    files = {path for pattern in PATTERNS for path in folder.glob(pattern)}
    return digest_of([part for path in sorted(files) for part in (path.name, path)])


@contextmanager
def loading(model: Path | str) -> Iterator[Any]:
    """Give the package transformers, silent; what goes wrong meanwhile becomes a ``DataError``.

    Raises ``MissingExtraError`` without the package.
    """
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise missing_extra(f"The model {model}", error, "precompute", "transformers") from error
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
            "It must be one that the package transformers has itself: code of a model is not run. "
            "Write its folder anew with save_pretrained.",
        ) from error
    finally:
        log.set_verbosity(before)
        log.enable_progress_bar()


def load_pretrained(auto: Any, folder: Path) -> Any:
    """A model with all of its weights, float32, for evaluation alone; from the folder only.

    Raises ``DataError`` where weights lack or have another shape: they would be random.
    """
    import torch

    model, found = auto.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        output_loading_info=True,
    )
    lacking = sorted(map(str, (*found["missing_keys"], *found["mismatched_keys"])))
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise DataError(
            f"The weights in {folder} lack {', '.join(lacking[:3])}{more}.",
            "Take a model that was trained for this: its classifier would be random.",
        )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def _cached(model: str) -> Path | None:
    """Folder of a hub's model that was downloaded before, with all parts of its weights."""
    config, whole, index = (
        _cached_file(model, name) for name in (CONFIG, "model.safetensors", _INDEX)
    )
    if config is None or not (whole or (index and _has_parts(model, index))):
        return None
    return config.parent


def _cached_file(model: str, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model.removeprefix(HUB), name)
    return Path(found) if isinstance(found, str) else None


def _has_parts(model: str, index: Path) -> bool:
    """True if every file that the index of the weights names is here."""
    try:
        parts = set(json.loads(read_text(index, ANNOTATION_BYTES))["weight_map"].values())
        return all(_cached_file(model, str(name)) for name in parts)
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

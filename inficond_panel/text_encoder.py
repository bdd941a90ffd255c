"""The encoder of a spec, for concepts that are typed: an extra, loaded when it is first used."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.installation import missing_extra
from inficond_panel.concepts.texts import TextEncoder
from inficond_panel.errors import MissingExtraError
from inficond_panel.spec import Spec

#: By the kind of the encoder.
_PACKAGES = {"open_clip": ("torch", "open_clip"), "transformers": ("torch", "transformers")}


def text_encoder(spec: Spec) -> TextEncoder:
    """The text tower of a spec's encoder.

    Raises ``MissingExtraError`` without the extra, ``SpecError`` for a spec that names none.
    """
    spec.check_making()
    try:
        from precompute.encoder import load_text_encoder  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise _missing(error) from error
    return load_text_encoder(spec.concepts.encoder, spec.device)


class PageEncoder:
    """The text tower of a spec's encoder as the page has it: all sessions share the loaded one."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def check(self) -> None:
        """Raise what ``text_encoder`` does, as far as that is known; loads nothing."""
        self.spec.check_making()
        for name in _PACKAGES[self.spec.concepts.encoder.kind]:
            if find_spec(name) is None:
                raise _missing(name)

    @property
    def digest(self) -> str:
        """SHA-256 of what the encoder is; loads it."""
        return _loaded(self.spec).digest

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Unit vectors ``(len(texts), embed)`` float32 of texts."""
        return _loaded(self.spec).embed_text(texts)


_loaded = once(2)(text_encoder)


def _missing(error: ImportError | str) -> MissingExtraError:
    package = error if isinstance(error, str) else error.name
    extras = ["precompute", *(["transformers"] if package == "transformers" else [])]
    return missing_extra("Typing a concept", error, *extras)

"""Description that a family of image towers gives of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

#: From images ``(B, 3, H, W)`` to the embeddings of their places ``(B, h, w, embed)``, and of each
#: whole image ``(B, embed)`` where the second argument is true, else None; neither normalised.
View = Callable[[Any, bool], tuple[Any, Any]]


@dataclass(frozen=True)
class Dense:
    """Embeddings of places, and of the whole image from the same run of the tower."""

    view: View

    def __call__(self, images: Tensor) -> Any:
        """Embeddings ``(B, h, w, embed)``, not normalised, of images ``(B, 3, H, W)``."""
        return self.view(images, False)[0]

    def with_whole(self, images: Tensor) -> tuple[Any, Any]:
        """The same, and what the tower gives for the whole images ``(B, embed)``, to the bit."""
        return self.view(images, True)


@dataclass(frozen=True)
class Path:
    """A dense path: ``own`` is the family's attention (None: no choice); ``build`` makes the
    function for an attention."""

    own: str | None
    build: Callable[[str | None], View]

"""Mixed precision of an image tower, held to float32's result on the first batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from inficond_panel.common.devices import CPU
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import FLOAT32

if TYPE_CHECKING:
    from torch import Tensor

#: Distance of the unit vectors of a place, by both precisions, beyond which the mixed one is
#: refused: no cosine with a text differs by more (Cauchy and Schwarz).
FARTHEST = 0.02


@dataclass
class Precision:
    """Precision ``name`` of the tower's products, by torch's autocast: all weights stay float32.

    ``distance`` is the largest on the first batch, None before it and with float32.
    """

    name: str = FLOAT32
    device: str = CPU
    distance: float | None = None
    _lock: Any = field(default_factory=Lock, repr=False, compare=False)

    def run(self, dense: Callable[[Any], Any], pixels: Tensor) -> Tensor:
        """``dense(pixels)``, embeddings ``(B, h, w, embed)`` float32, under torch's inference mode.

        Raises ``DataError`` where the first batch lies farther than ``FARTHEST`` from float32's, or
        the device has no such precision.
        """
        if self.name == FLOAT32:
            exact: Tensor = dense(pixels)
            return exact
        with self._lock:  # the first batch is compared before any is taken
            if self.distance is None:
                self.distance = self._checked(dense, pixels)
        return self._mixed(dense, pixels)

    def _mixed(self, dense: Callable[[Any], Any], pixels: Tensor) -> Tensor:
        try:
            with self._autocast():
                found: Tensor = dense(pixels).float()
                return found
        except (RuntimeError, NotImplementedError) as error:
            raise DataError(
                f"The encoder does not run in {self.name} on {self.device}: "
                f"{str(error).splitlines()[0]}",
                f"Take concepts.encoder.precision: {FLOAT32}.",
            ) from error

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        kind = self.device.partition(":")[0]
        return torch.autocast(kind, dtype=getattr(torch, self.name))

    def _checked(self, dense: Callable[[Any], Any], pixels: Tensor) -> float:
        """Largest distance of a place's unit vectors, by both precisions."""
        from torch.nn.functional import normalize

        mixed, exact = (
            normalize(found, dim=-1) for found in (self._mixed(dense, pixels), dense(pixels))
        )
        distance = float((mixed - exact).norm(dim=-1).max())
        if not distance <= FARTHEST:  # nan too
            raise DataError(
                f"In {self.name} the encoder's vectors of the first {len(pixels)} photos lie up to "
                f"{distance:.2g} from float32's; at most {FARTHEST:g} is allowed.",
                f"Take concepts.encoder.precision: {FLOAT32}, or float16 where it is bfloat16.",
            )
        return distance

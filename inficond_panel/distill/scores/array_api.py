"""Arrays of any library that follows the array API standard, beside the host's numpy arrays."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.devices import product_device
from inficond_panel.errors import DataError

Array = NDArray[np.float64]


def namespace(values: Any) -> Any:
    """The functions of the standard, from the library of these values."""
    return np if isinstance(values, np.ndarray) else array_api_compat.array_namespace(values)


def to_host(values: Any) -> NDArray:
    """A numpy array of the values, which may share their memory."""
    if isinstance(values, np.ndarray):
        return values
    if array_api_compat.is_torch_array(values) or array_api_compat.is_cupy_array(values):
        values = array_api_compat.to_device(values, "cpu")
    return np.from_dlpack(values)


def beside(host: NDArray, values: Any) -> Any:
    """The host's array in the library and on the device of these values."""
    if isinstance(values, np.ndarray):
        return host
    return namespace(values).asarray(host, device=array_api_compat.device(values))


def on_card(values: NDArray, device: str) -> Any:
    """The values as a tensor of torch on the card that ``device`` asks for; else as they are.

    Passes over a tensor's columns are computed where it lies; see ``common.devices``.
    """
    place = product_device(device)
    if place is None:
        return values
    import torch  # noqa: PLC0415 - an extra

    return torch.asarray(values, device=place, copy=True)


def count_not_finite(values: Any) -> int:
    """Number of the values that are NaN or infinite."""
    xp = namespace(values)
    finite = xp.isfinite(values)
    return 0 if bool(xp.all(finite)) else int(xp.sum(xp.astype(~finite, xp.int64)))


def check_weights(weight: NDArray) -> None:
    """Raise DataError for sample weights (n,) or (n, K) that have no finite sum above 0."""
    check_finite(weight, "sample weights")
    with np.errstate(over="ignore", under="ignore"):
        total = np.sum(weight, axis=0, dtype=np.float64)
    lost = ~((total >= np.finfo(np.float64).tiny) & (total < np.inf)) & (weight != 0).any(axis=0)
    if np.any(lost & ~(weight < 0).any(axis=0)):
        raise DataError(
            f"The sample weights add up to {np.extract(lost, total)[0]:g}; they lie between "
            f"{weight.min():g} and {weight.max():g}.",
            "Divide them by the largest.",
        )


def check_finite(values: Any, name: str) -> None:
    """Raise DataError with the number of values that are NaN or infinite, unless it is 0."""
    bad = count_not_finite(values)
    if bad:
        raise DataError(
            f"{bad} of {array_api_compat.size(values)} {name} are NaN or infinite.",
            "Find the images that they belong to and drop them, or compute the store again.",
        )

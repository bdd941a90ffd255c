"""Weights of images as text in a history: float32, compressed, with their hash."""

from __future__ import annotations

import base64
import hashlib
import zlib

import numpy as np
from numpy.typing import NDArray


def packed(weights: NDArray) -> str:
    """Return weights (n,) as text, from which ``unpacked`` makes the same float32 numbers."""
    return base64.b64encode(zlib.compress(weights.astype("<f4").tobytes())).decode()


def unpacked(text: str, size: int) -> NDArray:
    """Return ``size`` unpacked float32 values; ``ValueError`` for another number of values."""
    try:
        raw = zlib.decompressobj().decompress(
            base64.b64decode(text, validate=True), max_length=4 * size + 1
        )
    except zlib.error as error:
        raise ValueError(f"its weights cannot be decompressed: {error}") from None
    if len(raw) != 4 * size:
        raise ValueError(f"it does not have weights of {size} photos")
    return np.frombuffer(raw, dtype="<f4")


def weights_hash(weights: NDArray) -> str:
    """Return the SHA-256 over weights (n,) as little-endian float32."""
    return hashlib.sha256(weights.astype("<f4").tobytes()).hexdigest()


def check_weights(weights: NDArray, expected: str) -> None:
    """Raise ``ValueError`` for weights (n,) that are damaged, negative, not finite, or all 0."""
    if weights_hash(weights) != expected:
        raise ValueError("the weights of its photos are damaged (their hash differs)")
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.any()):
        raise ValueError("the weights of its photos are negative, not finite, or all 0")

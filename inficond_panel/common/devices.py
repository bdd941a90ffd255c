"""Devices for networks: ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or ``auto``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from inficond_panel.common.installation import needs
from inficond_panel.errors import DataError, MissingExtraError, Remedy

AUTO, CPU = "auto", "cpu"
#: Pattern of valid device names.
FORM = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")
EXPECTED = "auto, cpu, cuda, cuda:N or mps"
_PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "mps": "CoreMLExecutionProvider",
    CPU: "CPUExecutionProvider",
}


def available_devices() -> list[str]:
    """Return the devices that torch can use, the fastest first: ``cuda:0``, ..., ``mps``, ``cpu``.

    Raises ``MissingExtraError`` without torch.
    """
    torch = _torch()
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*(f"cuda:{n}" for n in range(cards)), *mps, CPU]


def _torch() -> Any:
    with needs("Running networks", "precompute"):
        import torch  # noqa: PLC0415 - an extra
    return torch


def torch_device(asked: str) -> str:
    """Return torch's name of the device ``asked``: ``cuda:0`` for ``cuda``, the fastest for
    ``auto``. Raises ``DataError`` if it is not available.

    Convolutions of this process then compute in float32 on a GPU: torch's default there, TF32, has
    10 bits of its 23."""
    if asked == CPU:
        return CPU
    available = available_devices()
    wanted = {AUTO: available[0], "cuda": "cuda:0"}.get(asked, asked)
    if wanted not in available:
        raise DataError(
            f"The device {asked} is not available; torch has: {', '.join(available)}.",
            Remedy(
                "Name one of these as device in the spec or by --device, or take auto.",
                "Name one of these as device in the spec or by device=NAME, or take auto.",
            ),
        )
    if wanted.startswith("cuda"):
        _torch().backends.cudnn.allow_tf32 = False
    return wanted


def product_device(asked: str) -> str | None:
    """Return the GPU for the solver's matrix products; None: numpy on the CPU computes them.

    None without torch or GPU too, so that students can be fitted anywhere, and for Apple's ``mps``,
    which has no float64.
    """
    if asked in (CPU, "mps"):
        return None
    try:
        cards = [name for name in available_devices() if name.startswith("cuda")]
    except ImportError:
        return None
    wanted = cards[0] if asked == AUTO and cards else "cuda:0" if asked == "cuda" else asked
    return wanted if wanted in cards else None


def onnx_providers(asked: str, offered: Sequence[str]) -> list[Any]:
    """Return onnxruntime's execution providers for the device ``asked``; ``auto``: the fastest.

    ``offered`` are the providers of the installed onnxruntime. Raises ``DataError`` if the device's
    provider is not among them.
    """
    kind, _, number = asked.partition(":")
    if asked == AUTO:
        kind = next((name for name, one in _PROVIDERS.items() if one in offered), CPU)
    provider = _PROVIDERS[kind]
    if provider not in offered:
        raise DataError(
            f"device: {asked} needs onnxruntime's {provider}; installed are: {', '.join(offered)}.",
            "Install onnxruntime-gpu in place of onnxruntime, or take device: cpu.",
        )
    return [(provider, {"device_id": number or "0"})] if kind == "cuda" else [provider]


def device_text(asked: str) -> str:
    """Return a line on the device that torch uses: with the GPU's name, or a hint at an unused GPU.

    An encoder of Python code may need no torch: without it this is the CPU. Raises as
    ``torch_device``."""
    device = torch_device(asked)
    try:
        torch = _torch()
    except MissingExtraError:
        return device
    if device.startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name(device)})"
    others = [name for name in available_devices() if name != CPU]
    if device == CPU and others:
        return f"cpu; {others[0]} is also available: --device {others[0]}"
    return device

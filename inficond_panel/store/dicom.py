"""Read the first frame of a DICOM file as an 8-bit image; needs the extra ``dicom``.

Nothing but pixels and what says how to show them is read: no patient's name, and no date.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inficond_panel.store.grey_levels import Grey, Window, window_of, windowed

if TYPE_CHECKING:
    from pydicom import Dataset

#: Bytes of the preamble, after which a DICOM file has its mark (DICOM PS3.10, 7.1).
_PREAMBLE, _MARK = 128, b"DICM"
#: The transfer syntax that compresses the whole file, which could unpack to any size.
_DEFLATED = "1.2.840.10008.1.2.1.99"
_GREY, _INVERTED = "MONOCHROME2", "MONOCHROME1"
#: Kinds of pixels in colours; pydicom returns all of them as RGB.
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
_SHOWN = (_GREY, _INVERTED, *_COLOURS)
#: What is read beside the pixels: their shape and kind, and how their levels are shown.
_TAGS: list[str] = [
    "Rows", "Columns", "PhotometricInterpretation", "BitsStored", "PixelRepresentation",
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "WindowCenter", "WindowWidth",
]  # fmt: skip


def is_dicom(path: Path) -> bool:
    """Return True for a DICOM file; False for another, or one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + len(_MARK))[_PREAMBLE:] == _MARK
    except OSError:
        return False


def dicom_image(path: Path, grey: Grey, check_size: Callable[[int, int], None]) -> Image.Image:
    """Return the first frame of a DICOM file in 8-bit grey or RGB.

    Levels are those of the file after its rescale slope, such as Hounsfield units. ``grey`` says
    which of them become black and white; None: the file's first window, or without one 0.5 to 99.5
    % of the pixels (``stretch``). ``check_size(width, height)`` raises for too many pixels, before
    they are decoded. Raises ``ValueError`` for files that cannot be shown, and pydicom's errors.
    """
    header = _header(path)
    check_size(int(header.Columns), int(header.Rows))
    from pydicom.pixels.processing import apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    frame = pixel_array(path, index=0)
    if header.PhotometricInterpretation in _COLOURS:
        return Image.fromarray(_eight_bits(frame, int(header.BitsStored)))
    levels = np.asarray(apply_modality_lut(frame, header), dtype=np.float64)
    window = window_of(levels, grey, _own_window(header)) or window_of(levels, "stretch")
    assert window is not None
    shown = windowed(levels, window)
    inverted = header.PhotometricInterpretation == _INVERTED
    return Image.eval(shown, lambda level: 255 - level) if inverted else shown


def _header(path: Path) -> Dataset:
    """Return what a file says of its pixels; raise ``ValueError`` if they cannot be shown."""
    try:
        from pydicom import dcmread
        from pydicom.filereader import read_file_meta_info
    except ImportError:
        package = "DICOM needs the package pydicom"
        raise ValueError(f"{package}: pip install 'inficond-panel[dicom]'") from None
    if str(read_file_meta_info(path).get("TransferSyntaxUID")) == _DEFLATED:
        raise ValueError("DICOM of a deflated transfer syntax is not read")
    header = dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    kind = header.get("PhotometricInterpretation")
    if kind is None or not {"Rows", "Columns"} <= set(header.dir()):
        raise ValueError("a DICOM file without an image")
    if kind not in _SHOWN:
        raise ValueError(f"DICOM of the kind {str(kind)[:30]} is not read")
    return header


def _own_window(header: Dataset) -> Window | None:
    """Return the levels of the file's first window (DICOM PS3.3, C.11.2.1.2.1), None without."""
    centre, width = (_first(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or width < 1:
        return None
    return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2


def _first(value: object) -> float | None:
    """Return the first number of an element that may have several, None if it is empty."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = next(iter(value), None)
    return None if value is None or value == "" else float(value)  # type: ignore[arg-type]


def _eight_bits(frame: np.ndarray, bits: int) -> np.ndarray:
    """Return colours (height, width, 3) of more than 8 ``bits`` in 8 bits."""
    return frame if bits <= 8 else (frame >> (bits - 8)).astype(np.uint8)

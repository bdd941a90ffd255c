"""Make a store with numpy, Pillow and zarr alone: for features that were computed elsewhere.

    python examples/store_from_arrays.py my.zarr

The arrays are random here; put your own in `arrays()`. docs/store.md says what each must be. What
is written opens with `inficond info my.zarr`, and in the page with a spec whose `store` it is.
"""

from __future__ import annotations

import hashlib
import io
import sys

import numpy as np
import zarr
from PIL import Image

IMAGES, SEGMENTS, SIDE, EMBED = 60, 3, 48, 16
CONCEPTS = ["wheel", "rail", "sky", "grass", "window", "road"]
CLASSES = ["bicycle", "train"]

#: Dimensions of each array; two that share a name are of the same length.
DIMENSIONS = {
    "image": ["image"],
    "concept": ["concept"],
    "class_name": ["class_name"],
    "method": ["method"],
    "concept_score": ["image", "concept"],
    "teacher_logit": ["image", "class_name"],
    "label": ["image", "class_name"],
    "split": ["image"],
    "segment_image": ["segment"],
    "segment_concept": ["segment"],
    "segment_cosine": ["segment"],
    "segment_embedding": ["segment", "embed"],
    "segment_box": ["segment", "corner"],
    "concept_text_embedding": ["concept", "embed"],
    "concept_projection": ["method", "concept", "xy"],
    "mask": ["mask_pixel"],
    "mask_offset": ["image_edge"],
    "thumbnail": ["thumbnail_byte"],
    "thumbnail_offset": ["image_edge"],
    "thumbnail_shape": ["image", "side"],
}


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def arrays() -> dict[str, np.ndarray]:
    """All arrays of a store, of the types that it must have."""
    rng = np.random.default_rng(0)
    text = unit(rng.normal(size=(len(CONCEPTS), EMBED))).astype(np.float32)
    shown = rng.integers(0, len(CONCEPTS), (IMAGES, SEGMENTS))  # concept of each segment
    noise = 0.5 * rng.normal(size=(IMAGES * SEGMENTS, EMBED)) / EMBED**0.5
    segment = unit(text[shown.ravel()] + noise).astype(np.float16)
    cosine = segment.astype(np.float32) @ text.T
    score = np.maximum(cosine.reshape(IMAGES, SEGMENTS, -1).max(1), 0)
    label = np.stack([(shown == 0).any(1), (shown == 1).any(1)], 1).astype(np.int8)
    logit = (6 * label - 3 + rng.normal(size=label.shape)).astype(np.float32)
    # each image is cut into SEGMENTS stripes of equal width, numbered from 1
    mask = np.tile(np.repeat(np.arange(1, SEGMENTS + 1), SIDE // SEGMENTS), (SIDE, 1))
    stripe = np.tile(np.arange(SEGMENTS), IMAGES) / SEGMENTS
    box = np.stack([stripe, 0 * stripe, stripe + 1 / SEGMENTS, 0 * stripe + 1], 1)
    files = [jpeg(shades) for shades in shown * 40]
    return {
        "image": np.array([f"photo {i}" for i in range(IMAGES)]),
        "concept": np.array(CONCEPTS),
        "class_name": np.array(CLASSES),
        "method": np.array(["pca"]),
        "concept_score": score,
        "teacher_logit": logit,
        "label": label,
        "split": np.array(["fit", "tune", "holdout"])[np.arange(IMAGES) % 3],
        "segment_image": np.repeat(np.arange(IMAGES), SEGMENTS).astype(np.int32),
        "segment_concept": cosine.argmax(1).astype(np.int32),
        "segment_cosine": cosine.max(1),
        "segment_embedding": segment,
        "segment_box": box.astype(np.float32),
        "concept_text_embedding": text,
        "concept_projection": text[None, :, :2].copy(),
        "mask": np.tile(mask.ravel(), IMAGES).astype(np.uint8),
        "mask_offset": np.arange(IMAGES + 1) * SIDE**2,
        "thumbnail": np.frombuffer(b"".join(files), dtype=np.uint8),
        "thumbnail_offset": np.cumsum([0, *map(len, files)]),
        "thumbnail_shape": np.full((IMAGES, 2), SIDE, dtype=np.int32),
    }


def jpeg(shades: np.ndarray) -> bytes:
    """A picture of grey stripes."""
    stripes = np.tile(np.repeat(shades, SIDE // SEGMENTS), (SIDE, 1)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(stripes).save(buffer, "JPEG")
    return buffer.getvalue()


def array_hash(values: np.ndarray) -> str:
    """SHA-256 of type, shape and values: little-endian, in C order; texts as lines of UTF-8."""
    if values.dtype.kind in "UT":
        lines = "".join(f"{text}\n" for text in values.ravel())
        return hashlib.sha256(f"string{values.shape}{lines}".encode()).hexdigest()
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    head = f"{values.dtype.name}{values.shape}".encode()
    return hashlib.sha256(head + little.tobytes()).hexdigest()


def write(path: str) -> None:
    """Write the group, its arrays, and the attributes that a store must have."""
    values = arrays()
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    for name, dimensions in DIMENSIONS.items():
        text = values[name].dtype.kind == "U"
        array = group.create_array(
            name,
            shape=values[name].shape,
            dtype=str if text else values[name].dtype,
            dimension_names=dimensions,
        )
        array[:] = values[name].astype(np.dtypes.StringDType()) if text else values[name]
    hashes = {name: array_hash(values[name]) for name in DIMENSIONS}
    lines = "".join(f"{name} {hashes[name]}\n" for name in sorted(hashes))
    group.update_attributes(
        {
            "format": "inficond-store",
            "format_version": 1,
            "title": "Made elsewhere",
            "encoder": "my encoder",
            "preprocessing": {},
            "corpus": "my words",
            "teacher": "my teacher",
            "inputs_hash": "",
            "variable_hashes": hashes,
            "content_hash": hashlib.sha256(lines.encode()).hexdigest(),
        }
    )


if __name__ == "__main__":
    write(sys.argv[1])

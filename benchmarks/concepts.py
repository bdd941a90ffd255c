"""Costs of a typed concept, and of the maps of concepts and segments.

    python benchmarks/concepts.py [--images 5000] [--segments 100000 1000000] [--methods pca tsne]

Typed concept: a store of drawn vectors (16 segments an image, 584 concepts, 512 dimensions); the
text tower is that of ViT-B-16 with random weights. "cold": segment embeddings are read from the
disk; "warm": they are in memory, as in a page that is open. "open" is what opening the store with
the concept costs later. Set beside it: scoring the whole corpus, without the encoder's work on
photos.
Maps: concepts are projected, then segments are placed on the map. CPU seconds of one thread. The
last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from inficond_panel.concepts.scoring import score_corpus
from inficond_panel.concepts.typed import TypedFolder, extended, type_concept
from inficond_panel.store import Store, open_store, write_store

CONCEPTS, EMBED, EACH = 584, 512, 16


class TextTower:
    """ViT-B-16's, with random weights."""

    digest = "random"

    def __init__(self) -> None:
        import open_clip
        import torch

        torch.set_num_threads(1)
        self._model = open_clip.create_model("ViT-B-16", pretrained=None).eval()
        self._tokenizer = open_clip.get_tokenizer("ViT-B-16")

    def embed_text(self, texts: list[str]) -> NDArray:
        """Unit vectors of texts."""
        import torch

        with torch.inference_mode():
            return self._model.encode_text(self._tokenizer(texts), normalize=True).numpy()


def unit(vectors: NDArray) -> NDArray:
    """Vectors of length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def drawn(count: int, seed: int) -> NDArray:
    """Half-precision unit vectors, drawn a part at a time."""
    rng = np.random.default_rng(seed)
    found = np.empty((count, EMBED), np.float16)
    for start in range(0, count, 1 << 16):
        part = found[start : start + (1 << 16)]
        part[:] = unit(rng.standard_normal(part.shape, np.float32))
    return found


def cpu(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of a call: the least of some."""
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return round(min(found), 3)


def store_of(folder: Path, images: int) -> Store:
    """A store of drawn segments; its pictures are one grey pixel each."""
    text = unit(np.random.default_rng(1).standard_normal((CONCEPTS, EMBED), np.float32))
    embedding, image = drawn(images * EACH, 2), np.repeat(np.arange(images), EACH)
    scored = score_corpus(embedding, image, text, images=images)
    arrays = {
        "image": np.arange(images).astype(str),
        "concept": np.array([f"word {i}" for i in range(CONCEPTS)]),
        "class_name": np.array(["dog"]),
        "method": np.array(["pca", "tsne"]),
        "concept_score": scored.score,
        "teacher_logit": np.zeros((images, 1)),
        "label": np.zeros((images, 1)),
        "split": np.full(images, "fit"),
        "segment_image": image,
        "segment_concept": scored.concept,
        "segment_cosine": scored.cosine,
        "segment_embedding": embedding,
        "segment_box": np.zeros((len(image), 4)),
        "concept_text_embedding": text,
        "concept_projection": np.stack([text[:, :2]] * 2),
        "mask": np.zeros(images),
        "mask_offset": np.arange(images + 1),
        "thumbnail": np.zeros(images),
        "thumbnail_offset": np.arange(images + 1),
        "thumbnail_shape": np.ones((images, 2)),
    }
    names = ("title", "encoder", "preprocessing", "corpus", "teacher", "inputs_hash")
    said = {"encoder_digest": TextTower.digest, "prompts": ["a photo of a {}"]}
    write_store(folder / "drawn.zarr", arrays, {**dict.fromkeys(names, "drawn"), **said})
    return open_store(folder / "drawn.zarr")


def typed(images: int) -> dict[str, float]:
    """CPU seconds of typing a concept."""
    with tempfile.TemporaryDirectory() as name:
        store, tower = store_of(Path(name), images), TextTower()
        folder = TypedFolder(Path(name) / "drawn.concepts")
        seconds = {"encode": cpu(lambda: tower.embed_text(["a photo of a red bus"]))}

        def type_it(from_store: Store) -> None:
            concept = type_concept(from_store, "red bus", tower)
            folder.add(concept)
            extended(from_store, [concept])

        seconds["cold"] = cpu(lambda: type_it(open_store(store.path)))
        type_it(store)
        seconds["warm"] = cpu(lambda: type_it(store))
        fresh = open_store(store.path)
        seconds["open"] = cpu(lambda: extended(fresh, folder.read(fresh)), 1)
        segments = store.segment_embedding, store.segment_image, store.concept_text_embedding
        seconds["corpus"] = cpu(lambda: score_corpus(*segments, images=images), 1)
    return seconds


def maps(segments: int, methods: list[str]) -> dict[str, float]:
    """CPU seconds of the maps of 584 concepts, and of placing so many segments on each."""
    from precompute.concepts.umap_projection import project, project_segments

    text, embedding = drawn(CONCEPTS, 1).astype(np.float32), drawn(segments, 3)
    seconds = {}
    for method in methods:
        seconds[f"{method}: concepts"] = cpu(lambda m=method: project(text, [m], 0), 1)  # type: ignore[misc]
        points = project(text, [method], 0)
        seconds[f"{method}: segments"] = cpu(
            lambda m=method, xy=points: project_segments(embedding, text, xy, [m], segments, 0),  # type: ignore[misc]
            1,
        )
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--segments", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--methods", nargs="+", default=["pca", "tsne"])
    options = parser.parse_args()
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package, if not installed
    with threadpool_limits(1):
        found = {"typed": typed(options.images)}
        print(f"typed concept, {options.images} images: {found['typed']}")
        for segments in options.segments:
            found[f"{segments} segments"] = maps(segments, options.methods)
            print(f"{segments} segments: {found[f'{segments} segments']}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sizes = {"images": options.images, "concepts": CONCEPTS, "embed": EMBED, "segments": EACH}
    print(json.dumps({"name": "concepts", "cpu_s": found, "sizes": sizes, "peak_mb": round(peak)}))


if __name__ == "__main__":
    main()

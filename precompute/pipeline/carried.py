"""What decides photos without spec and store: an encoder as TorchScript, and how it goes on.

The way of ``pipeline.apply`` with all that it needs in one folder, for segments that look at the
photo itself and so cannot be in an ONNX model.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.common.torch_thread import one_torch_thread
from inficond_panel.concepts.extended_store import ExtendedStore, base_of
from inficond_panel.concepts.photo_scores import score_by
from inficond_panel.concepts.scoring import Scoring
from inficond_panel.concepts.typed import scoring_of
from precompute.batches.segmenting import Settings, segmented
from precompute.encoder.image import prepared
from precompute.pipeline.apply import Scorer
from precompute.segments import SegmentSettings

#: Files of the folder: how the encoder's cells become scores, the encoder, and the head of the
#: segments where there is one. ``STUDENTS`` holds the hashes of the others in its card.
FRONT, ENCODER, HEAD = "front.npz", "encoder.pt", "head.safetensors"
STUDENTS = "students-pixels.npz"
#: The Python file of the folder.
SCRIPT = '''"""Decide photos by the students in this folder: python predict.py photo.jpg another.png

Needs inficond-panel with its extra precompute, and nothing else: no spec, store or network.
Prints what inficond predict --csv does, without a teacher. In Python: students().table(photos).
"""

import argparse
import csv
import sys
from pathlib import Path

from inficond_panel.carried_students import CarriedStudents
from inficond_panel.errors import InficondError


def students(masks=""):
    return CarriedStudents(Path(__file__).resolve().parent, masks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--masks", default="", help="folder of label maps, if segments are files")
    asked = parser.parse_args()
    try:
        rows, faults = students(asked.masks).rows(asked.photos)
    except InficondError as error:
        sys.exit(str(error))
    for photo, why in faults.items():
        print(f"{photo}: {why}", file=sys.stderr)
    if not rows:
        sys.exit("No photo can be read.")
    table = csv.DictWriter(sys.stdout, rows[0])
    table.writeheader()
    table.writerows(rows)


if __name__ == "__main__":
    main()
'''
_PREPARED = ("size", "mean", "std", "interpolation")


@dataclass(frozen=True, eq=False)
class Carried:
    """Encoder, segments and scores of a store, without the store.

    ``text`` ``(concept, embed)`` are the concepts' vectors, the first ``corpus`` of them those of
    the corpus and the others typed. ``encoder`` is TorchScript for ``batch`` photos at a time.
    """

    encoder: Any
    batch: int
    preprocessing: dict[str, Any]
    settings: Settings
    text: np.ndarray
    corpus: int
    scoring: Scoring

    def score(self, images: list[Image.Image], names: list[str]) -> np.ndarray:
        """Scores ``(n, C)`` float32 of images; ``names`` are those of masks."""
        parts = range(0, len(images), self.batch)
        with one_thread():
            cells = [self._cells(images[start : start + self.batch]) for start in parts]
            arrays = segmented(images, np.concatenate(cells), self.settings, names)
            owner = np.repeat(np.arange(len(images)), arrays["segments"])
            typed = list(self.text[self.corpus :])
            given = self.text[: self.corpus], typed, self.scoring, arrays["embedding"], owner
            return score_by(*given, len(images))

    def _cells(self, images: list[Image.Image]) -> np.ndarray:
        """Cells of at most a batch of images, which is filled up: its size is in the rounding."""
        how = [self.preprocessing[key] for key in _PREPARED]
        pixels = [prepared(image, *how) for image in images]
        full = torch.from_numpy(np.stack([*pixels, *[pixels[-1]] * (self.batch - len(images))]))
        with one_torch_thread(), torch.inference_mode():
            found = self.encoder(full.contiguous(memory_format=torch.channels_last))
        return np.asarray(found.contiguous().numpy())[: len(images)]


def front_bytes(scorer: Scorer) -> bytes:
    """The file ``FRONT`` of a scorer: numbers and JSON, nothing pickled."""
    store, settings = scorer.store, scorer.settings
    typed = store.typed if isinstance(store, ExtendedStore) else ()
    text = [base_of(store).concept_text_embedding, *(one.text[None] for one in typed)]
    scoring = scoring_of(store)
    known = {**vars(settings.segments), "masks": "", "head": ""}  # places of this machine
    facts = {
        "preprocessing": {key: scorer.encoder.preprocessing[key] for key in _PREPARED},
        "segments": known,
        "thumbnails": [settings.thumbnail_size, settings.thumbnail_quality],
        "scores": scoring.settings,
        "corpus": len(text[0]),
        "batch": scorer.size,
    }
    arrays: dict[str, Any] = {"facts": np.array(json.dumps(facts)), "text": np.concatenate(text)}
    if scoring.centre is not None:
        arrays["centre"] = scoring.centre
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def carried(front: bytes, encoder: bytes, head: Path | None = None, masks: str = "") -> Carried:
    """What the files of a folder say."""
    with np.load(io.BytesIO(front), allow_pickle=False) as file:
        facts, text = json.loads(str(file["facts"])), file["text"]
        centre = file["centre"] if "centre" in file.files else None
    segments = SegmentSettings(**facts["segments"])
    segments = replace(segments, head=str(head) if head else "", masks=masks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of TorchScript
        network = torch.jit.load(io.BytesIO(encoder), map_location="cpu").eval()
    return Carried(
        network,
        facts["batch"],
        facts["preprocessing"],
        Settings(segments, *facts["thumbnails"]),
        text,
        facts["corpus"],
        Scoring(facts["scores"]["method"], facts["scores"].get("temperature"), centre),
    )


def sha256(content: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()

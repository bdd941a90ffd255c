"""Scorer of photos without spec and store: an encoder as TorchScript, and how it goes on.

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

from inficond_panel.common.torch_thread import one_torch_thread
from inficond_panel.concepts.photo_scores import ScoredTexts
from inficond_panel.concepts.scoring import Scoring
from precompute.batches.segmenting import Settings
from precompute.encoder.image import Encoder, prepared
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
class CarriedEncoder:
    """Image encoder as TorchScript, for batches of one size, and how it takes photos."""

    network: Any
    preprocessing: dict[str, Any]

    def prepare(self, image: Image.Image) -> np.ndarray:
        """See ``Encoder.prepare``."""
        return prepared(image, *[self.preprocessing[key] for key in _PREPARED])

    def dense(self, images: np.ndarray) -> np.ndarray:
        """See ``Encoder.dense``."""
        with one_torch_thread(), torch.inference_mode():
            pixels = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
            return np.asarray(self.network(pixels).contiguous().numpy())


def front_bytes(scorer: Scorer[Encoder]) -> bytes:
    """The file ``FRONT`` of a scorer: numbers and JSON, nothing pickled."""
    texts, settings = scorer.texts, scorer.settings
    text = [texts.corpus, *(one[None] for one in texts.typed)]
    known = {**vars(settings.segments), "masks": "", "head": ""}  # places of this machine
    facts = {
        "preprocessing": {key: scorer.encoder.preprocessing[key] for key in _PREPARED},
        "segments": known,
        "thumbnails": [settings.thumbnail_size, settings.thumbnail_quality],
        "scores": texts.scoring.settings,
        "corpus": len(text[0]),
        "batch": scorer.size,
    }
    arrays: dict[str, Any] = {"facts": np.array(json.dumps(facts)), "text": np.concatenate(text)}
    if texts.scoring.centre is not None:
        arrays["centre"] = texts.scoring.centre
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def carried(
    front: bytes, encoder: bytes, head: Path | None = None, masks: str = ""
) -> Scorer[CarriedEncoder]:
    """Contents of the files of a folder."""
    with np.load(io.BytesIO(front), allow_pickle=False) as file:
        facts, text = json.loads(str(file["facts"])), file["text"]
        centre = file["centre"] if "centre" in file.files else None
    segments = SegmentSettings(**facts["segments"])
    segments = replace(segments, head=str(head) if head else "", masks=masks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, of TorchScript
        network = torch.jit.load(io.BytesIO(encoder), map_location="cpu").eval()
    scoring = Scoring(facts["scores"]["method"], facts["scores"].get("temperature"), centre)
    corpus = facts["corpus"]
    return Scorer(
        CarriedEncoder(network, facts["preprocessing"]),
        facts["batch"],
        Settings(segments, *facts["thumbnails"]),
        ScoredTexts(text[:corpus], list(text[corpus:]), scoring),
    )


def sha256(content: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()

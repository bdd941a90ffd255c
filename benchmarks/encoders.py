"""Encoders' embeddings of places, compared: attention of the last block, image sizes, prompts.

    python benchmarks/encoders.py [--photos 300] [--encoder FOLDER] [--epochs 30] [--only PART ...]

``scenes``: a small vision transformer is trained here, as CLIP is, on whole views of drawn scenes
(``--scenes``, ``--epochs``; or ``--vit FOLDER`` of an earlier run, ``--keep FOLDER`` keeps it),
then each attention is taken on other scenes, at twice the side. Each pixel's thing is known there.
``photos``: photos with boxes (PASCAL VOC below INFICOND_DATA) and the encoder in
``INFICOND_DATA/encoder`` or ``--encoder``: its sizes, its prompts, its attentions if it has any.

pointing: the place with the largest cosine to a word lies in a region (a box) of the word; mean
over words (classes), each over its images. inside: of a place inside and one outside, how often
the one inside has the larger cosine (area under the ROC curve). accuracy: share of the places
whose own word is nearest among the words of the image (scenes). ap: mean average precision of
the largest cosine of an image, for the presence of a word: the concept score's own worth.
``chance`` is a random place. Nothing is fitted on the images that are measured.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package, not this file

from benchmarks.encoder_parts import small_vit  # noqa: E402
from inficond_panel.distill.metrics.point_metrics import average_precision  # noqa: E402
from inficond_panel.spec.sections.encoder import OpenClipEncoder  # noqa: E402
from precompute.encoder import Encoder, load_encoder  # noqa: E402
from precompute.encoder.dense import clip_resnet, open_clip_vit, timm_map, timm_vit  # noqa: E402
from precompute.encoder.open_clip_model import text_function  # noqa: E402
from precompute.recipes.scenes import concept_names  # noqa: E402
from precompute.recipes.scenes.draw import draw  # noqa: E402
from precompute.recipes.scenes.jumble import jumble  # noqa: E402
from precompute.recipes.scenes.regions import regions  # noqa: E402

ATTENTIONS = ("value", "plain", "clearclip", "sclip")
CLASSES = ("bus", "car", "cat", "person", "train")
PROMPTS = (["{}"], ["a photo of a {}"], ["imagenet_simple"], ["imagenet"])
LEAST = 0.01  # share of the image that a region must have to be asked for

Shown = tuple[Image.Image, dict[str, np.ndarray]]


@dataclass
class Measured:
    """Sums of one setting, by word."""

    hits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    chance: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    inside: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    right: list[float] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    present: list[np.ndarray] = field(default_factory=list)

    def add(self, cells: np.ndarray, text: np.ndarray, words: Sequence[str], masks: dict) -> None:
        """An image's unit cells ``(h, w, embed)`` and the masks of the words that it shows."""
        cosine = cells @ text.T
        flat = cosine.reshape(-1, len(words))
        self.best.append(flat.max(0))
        self.present.append(np.array([word in masks for word in words]))
        seen = {word: at_places(mask, cells.shape[:2]) for word, mask in masks.items()}
        for word, mask in seen.items():
            column, here = flat[:, words.index(word)], mask.ravel()
            self.hits[word].append(here[column.argmax()])
            self.chance[word].append(here.mean())
            if 0 < here.sum() < len(here):
                self.inside[word].append(above(column[here], column[~here]))
        if len(seen) > 1:
            columns = [words.index(word) for word in seen]
            truth = np.stack([mask.ravel() for mask in seen.values()], 1)
            known = truth.sum(1) == 1
            self.right.append(truth[known, flat[known][:, columns].argmax(1)].mean())

    def line(self) -> str:
        """The measures, each the mean over words."""
        best, present = np.stack(self.best), np.stack(self.present)
        enough = [k for k in range(present.shape[1]) if 5 <= present[:, k].sum() < len(present)]
        ap = [average_precision(present[:, k].astype(int), best[:, k]) for k in enough]
        mean = [np.mean([np.mean(v) for v in d.values()]) for d in (self.hits, self.inside)]
        chance = np.mean([np.mean(v) for v in self.chance.values()])
        accuracy = f"{np.mean(self.right):9.3f}" if self.right else " " * 9
        return f"{mean[0]:9.3f} {mean[1]:7.3f} {accuracy} {np.mean(ap):6.3f} {chance:7.3f}"


HEAD = f"{'':34s}{'pointing':>9s} {'inside':>7s} {'accuracy':>9s} {'ap':>6s} {'chance':>7s}"


def above(inner: np.ndarray, outer: np.ndarray) -> float:
    """Share of pairs in which the first is larger than the second; a half where they are equal."""
    order = np.sort(outer)
    low, high = np.searchsorted(order, inner, "left"), np.searchsorted(order, inner, "right")
    return float((low + high).mean() / 2 / len(outer))


def at_places(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask at the centres of the places."""
    rows, columns = (
        ((np.arange(n) + 0.5) * side / n).astype(int)
        for n, side in zip(shape, mask.shape, strict=False)
    )
    return mask[np.ix_(rows, columns)]


def measure(encoder: Encoder, text: np.ndarray, words: Sequence[str], shown: list[Shown]) -> str:
    """Encode the images and measure them."""
    sums = Measured()
    for start in range(0, len(shown), 16):
        some = shown[start : start + 16]
        cells = encoder.dense(np.stack([encoder.prepare(image) for image, _ in some]))
        cells /= np.linalg.norm(cells, axis=-1, keepdims=True)
        for each, (_, masks) in zip(cells, some, strict=True):
            sums.add(each, text, words, masks)
    return sums.line()


def drawn(count: int) -> list[Shown]:
    """Scenes that were not trained on, with the masks of the words that stand for their regions."""
    known, shown = set(concept_names()), []
    for i in range(count):
        scene = jumble((77, i), (256, 192))
        found, masks = regions(scene), {}
        for label, name in enumerate(found.names):
            mask = found.labels == label
            if name in known and mask.mean() >= LEAST:
                masks[name] = masks.get(name, False) | mask
        shown.append((draw(scene), masks))
    return shown


def scenes(options: argparse.Namespace) -> None:
    """The attentions of a small vision transformer, on drawn scenes."""
    with tempfile.TemporaryDirectory() as home:
        folder = options.vit or options.keep or Path(home) / "vit"
        if not options.vit:
            print(f"Training a small ViT: {options.scenes} scenes, {options.epochs} epochs")
            small_vit.train(folder, options.scenes, options.epochs)
        shown, words = drawn(options.look), list(concept_names())
        print(f"\n{options.look} drawn scenes, ViT of {small_vit.SIDE} px at twice that\n{HEAD}")
        for attention in ATTENTIONS:
            section = OpenClipEncoder(
                model=folder, image_size=2 * small_vit.SIDE, attention=attention
            )
            encoder = load_encoder(section)
            text = encoder.embed_concepts(words, ["a drawing of a {}"])
            print(
                f"{'attention ' + attention:34s}{measure(encoder, text, words, shown)}", flush=True
            )


def boxed(root: Path, count: int) -> Iterator[Shown]:
    """Photos of the test list with their boxes as masks; every so many, ``count`` in all."""
    names = (root / "ImageSets/Main/test.txt").read_text().split()
    for name in names[:: max(1, len(names) // count)][:count]:
        image = Image.open(root / "JPEGImages" / f"{name}.jpg").convert("RGB")
        masks: dict[str, np.ndarray] = {}
        for thing in ElementTree.parse(root / "Annotations" / f"{name}.xml").iter("object"):
            word = thing.findtext("name", "")
            if word not in CLASSES:
                continue
            box = thing.find("bndbox")
            left, top, right, bottom = (
                int(float(box.findtext(side))) for side in ("xmin", "ymin", "xmax", "ymax")
            )
            mask = masks.setdefault(word, np.zeros((image.height, image.width), bool))
            mask[max(0, top - 1) : bottom, max(0, left - 1) : right] = True
        yield image, masks


def photos(options: argparse.Namespace) -> None:
    """Sizes, prompts and attentions of an encoder, on photos with boxes."""
    data = os.environ.get("INFICOND_DATA")
    if not data:
        print("\nINFICOND_DATA is not set: the photos are left out.")
        return
    folder = options.encoder or Path(data) / "encoder"
    shown = list(boxed(Path(data) / "voc2007-mini/VOCdevkit/VOC2007", options.photos))
    print(f"\n{len(shown)} photos of VOC's test list, {folder.name}\n{HEAD}")
    base: dict[str, Any] = {"image_size": options.size}
    tried = [({"image_size": size}, ["a photo of a {}"]) for size in options.sizes]
    tried += [(base, prompts) for prompts in PROMPTS if prompts != ["a photo of a {}"]]
    if load_encoder(OpenClipEncoder(model=folder, **base)).attention:
        tried += [({**base, "attention": a}, ["a photo of a {}"]) for a in ATTENTIONS]
    for keys, prompts in tried:
        encoder = load_encoder(OpenClipEncoder(model=folder, **keys))
        text = encoder.embed_concepts(CLASSES, prompts)
        name = ", ".join([*map(str, keys.values()), *prompts])
        print(f"{name:34s}{measure(encoder, text, CLASSES, shown)}", flush=True)


def families(_: argparse.Namespace) -> None:
    """Models of open_clip with a dense path; built without memory for weights."""
    import open_clip
    import torch
    from open_clip.model import _build_vision_tower

    found: dict[str | None, list[str]] = defaultdict(list)
    for name in open_clip.list_models():
        config = open_clip.get_model_config(name)
        config["vision_cfg"].pop("timm_model_pretrained", None)
        with torch.device("meta"):
            tower = _build_vision_tower(config["embed_dim"], config["vision_cfg"])
        families = (open_clip_vit, timm_vit, clip_resnet, timm_map)
        path = next((path for family in families if (path := family(tower))), None)
        found["no dense path" if path is None else f"attention {path.own}"].append(name)
    print(f"\nModels of open_clip {open_clip.__version__}")
    for kind, names in found.items():
        print(f"{kind:34s}{len(names):4d}  {', '.join(names[:4])}")


def texts(_: argparse.Namespace) -> None:
    """CPU time of a text tower (ViT-B-32, random weights), 32 short sentences, one thread."""
    import open_clip
    import torch

    torch.set_num_threads(1)
    model, tokenizer = (
        open_clip.create_model("ViT-B-32").eval(),
        open_clip.get_tokenizer("ViT-B-32"),
    )
    tokens = tokenizer([f"a photo of a thing {i}" for i in range(32)])
    ways = {"open_clip, whole context": model.encode_text, "up to the end": text_function(model)}
    print("\nSeconds of CPU for 32 sentences, median of 5")
    with torch.inference_mode():
        for name, encode in ways.items():
            times = []
            for _ in range(6):
                start = time.process_time()
                encode(tokens)
                times.append(time.process_time() - start)
            print(f"{name:34s}{np.median(times[1:]):9.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--sizes", type=int, nargs="+", default=(256, 384, 512))
    parser.add_argument("--scenes", type=int, default=1500)
    parser.add_argument("--look", type=int, default=150)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--vit", type=Path, help="a small ViT that was kept")
    parser.add_argument("--keep", type=Path, help="folder to keep the small ViT in")
    options = parser.parse_args()
    for name in options.only:
        PARTS[name](options)


PARTS = {"scenes": scenes, "photos": photos, "texts": texts, "families": families}

if __name__ == "__main__":
    main()

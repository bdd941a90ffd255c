"""How often a class is called labelled otherwise in a group: by chance, and with missing labels.

    python benchmarks/labelled.py [--first-seed 1000] [--seeds 100]

Tables of five classes, 900 training and 600 tuning rows, have a column of four sites and one of two
shifts. The teacher is right but for noise (*none*), also where a class is more frequent at a site
(*goes*), or where the teacher has learned the training labels by heart (*trained*); its outputs are
noisier at one site (*noise*); or 80 % of the labels of a class are missing at one site, in the
training rows (*site*), or in all training rows (*all*). The table has the share of tables in which
any class is called, and in which the right one is, and its site first, with Wilson's 95 % interval.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed
import inficond_panel
from inficond_panel.results.doctor.labelled_otherwise import labelled_otherwise

KINDS = ("none", "goes", "trained", "noise", "site", "all")
_ROWS, _FIT, _CLASSES = 1500, 900, [f"class {k}" for k in range(5)]
_SITES = np.array(["north", "south", "east", "west"])
#: What the sentence on the right group begins with.
_RIGHT = {"site": "In “site: west”", "all": ""}


def main() -> None:
    """Draw tables of each kind, and print how many are called."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=100)
    args = parser.parse_args()
    for kind in KINDS:
        seeds = range(args.first_seed, args.first_seed + args.seeds)
        found = [called(np.random.default_rng(seed), kind) for seed in seeds]
        right = [each.get(_CLASSES[0], " ").startswith(_RIGHT.get(kind, "-")) for each in found]
        texts = [share_text("any class", [bool(each) for each in found])]
        texts += [share_text("the right one", right)] if kind in _RIGHT else []
        print(f"{kind:8} {', '.join(texts)}")


def share_text(name: str, called: list[bool]) -> str:
    """Return a share with Wilson's limits as text."""
    ends = binomtest(sum(called), len(called)).proportion_ci(method="wilson")
    return f"{name} {np.mean(called):.0%} [{100 * ends.low:.0f}, {100 * ends.high:.0f}]"


def called(rng: np.random.Generator, kind: str) -> dict[str, str]:
    """Return what is said of each class of a table that is drawn."""
    label, site, logit = drawn(rng, kind)
    ids = [f"{at:04d}" for at in range(_ROWS)]
    metadata = {"site": site, "shift": rng.choice(["day", "night"], _ROWS)}
    with TemporaryDirectory() as folder:
        made = inficond_panel.from_frames(
            pd.DataFrame(rng.normal(size=(_ROWS, 2)), ids, ["one", "other"]),
            pd.DataFrame(logit, ids, _CLASSES),
            pd.DataFrame(label, ids, _CLASSES),
            split=pd.Series(np.where(np.arange(_ROWS) < _FIT, "fit", "tune"), ids),
            metadata=pd.DataFrame(metadata, ids),
            path=Path(folder) / "drawn.zarr",
        )
        return labelled_otherwise(made.tuner.store)


def drawn(
    rng: np.random.Generator, kind: str
) -> tuple[NDArray[np.int_], NDArray[np.str_], NDArray[np.float64]]:
    """Return the labels (n, K), the sites (n,) and the teacher's logits (n, K) of rows."""
    risk = 1.5 * rng.normal(size=(_ROWS, len(_CLASSES))) - 1.5
    site, fit = rng.choice(_SITES, _ROWS), np.arange(_ROWS) < _FIT
    if kind == "goes":
        risk[site == "west", 0] += 2
    label = (rng.random(risk.shape) < expit(1.5 * risk)).astype(int)
    logit = 1.5 * risk + rng.normal(size=risk.shape)
    if kind == "trained":
        logit[fit] = 8 * label[fit] - 4 + rng.normal(size=label[fit].shape)
    if kind == "noise":
        west = site == "west"
        logit[west] += 3 * rng.normal(size=logit[west].shape)
    missing = fit & (site == "west") if kind == "site" else fit & (kind == "all")
    label[missing & (rng.random(_ROWS) < 0.8), 0] = 0
    return label, site, logit


if __name__ == "__main__":
    main()

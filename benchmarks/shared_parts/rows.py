"""Measured cases as lines of JSON in one file, which several runs share, and their tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from scipy.stats import binomtest

Row = dict[str, Any]


def measure(
    args: argparse.Namespace,
    measured: Mapping[str, Callable[[argparse.Namespace], Iterator[Row]]],
    tables: Mapping[str, Callable[[list[Row]], None]],
) -> None:
    """Add the rows of ``args.what`` to ``args.file``, and print the tables of all that is there."""
    with args.file.open("a") as file:
        for row in measured[args.what](args):
            print(json.dumps(row | {"what": args.what}), file=file, flush=True)
    rows = [json.loads(line) for line in args.file.read_text().splitlines()]
    for what, table in tables.items():
        if kept := [row for row in rows if row["what"] == what]:
            table(kept)


def said_share(held: list[bool]) -> str:
    """How many of so many, with limits."""
    share = binomtest(sum(held), len(held)).proportion_ci(method="wilson")
    return f"{sum(held)} of {len(held)}, {np.mean(held):.0%} [{share.low:.0%}, {share.high:.0%}]"

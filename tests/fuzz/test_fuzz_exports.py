"""Exports with bytes changed, files cut and JSON rewritten: refused, or the same students."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factory import small_spec
from guard import attempt

from inficond_panel import load_students
from inficond_panel.errors import InficondError
from inficond_panel.export import FORMATS, export
from inficond_panel.tuning import Intent, open_tuner

ODD: list[Any] = [None, True, -1, 1.5, float("nan"), 10**400, "", "x", [], {}, [[]], {"a": [1]}]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An export in each format."""
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("export")
    tuner = open_tuner(small_spec(folder, images=60, concepts=6, classes=2), history=":memory:")
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up")])
    return export(tuner, node, folder / "out", tuple(FORMATS))


def numbers(path: Path) -> tuple[Any, ...]:
    """Numbers that predictions depend on."""
    students = load_students(path)
    return (
        students.coef_.tolist(), students.intercept_.tolist(), list(students.class_names_),
        list(students.feature_names_in_), np.asarray(students.threshold).tolist(),
    )  # fmt: skip


def spoil(data: bytes, rng: random.Random) -> bytes:
    """Flip bits, cut, repeat or take out a part."""
    changed, kind = bytearray(data), rng.choice(["flip", "flip", "cut", "repeat", "out"])
    start, stop = sorted(rng.randrange(len(data)) for _ in range(2))
    if kind == "flip":
        for _ in range(rng.randint(1, 5)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del changed[start:]
    elif kind == "repeat":
        changed[stop:stop] = changed[start:stop]
    else:
        del changed[start:stop]
    return bytes(changed)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_spoilt_file_is_refused_or_the_same(files, tmp_path, mutants, kind):
    expected, place = numbers(files[kind]), tmp_path / files[kind].name
    for name, rng in mutants.generators(60):
        place.write_bytes(spoil(files[kind].read_bytes(), rng))
        found = attempt(name, lambda: numbers(place))
        assert isinstance(found, InficondError) or found == expected, name


def rewrite(document: Any, rng: random.Random) -> None:
    """Put something odd at some place of a JSON document."""
    while True:
        keys = list(document) if isinstance(document, dict) else range(len(document))
        key = rng.choice(keys)
        inner = document[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.3:
            document[key] = rng.choice(ODD)
            return
        document = inner


def test_a_rewritten_document_is_refused_or_the_same(files, tmp_path, mutants):
    expected, place = numbers(files["sklearn"]), tmp_path / "students.json"
    for name, rng in mutants.generators(60):
        document = json.loads(files["sklearn"].read_text())
        rewrite(document, rng)
        place.write_text(json.dumps(document))
        found = attempt(name, lambda: numbers(place))
        assert isinstance(found, InficondError) or found == expected, name

"""The whole way on real photos with a trained encoder, where they are at hand."""

import csv
import os
from pathlib import Path

import pytest

import precompute
from inficond_panel.distill import average_precision
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store

DATA = Path(os.environ.get("INFICOND_DATA", "")) / "coco18-mini"
pytestmark = [
    pytest.mark.torch,
    pytest.mark.data,
    pytest.mark.skipif(
        not os.environ.get("INFICOND_DATA") or not DATA.is_dir(),
        reason="needs INFICOND_DATA, a folder with coco18-mini and encoder",
    ),
]

SPEC = """\
title: Cats and others
dataset:
  kind: table
  root: {data}
  labels: labels.csv
  splits: {{fit: {home}/fit.txt, tune: {home}/tune.txt, holdout: {home}/holdout.txt}}
concepts:
  corpus: words.txt
  encoder:
    model: {data}/../encoder
    pretrained: {data}/../encoder/inficond-small.safetensors
    image_size: 256
teacher: {{kind: logits, path: {data}/teacher_logits.csv}}
"""


def test_the_score_of_a_concept_finds_its_photos(tmp_path):
    pytest.importorskip("torch")
    with (DATA / "labels.csv").open() as file:
        rows = {row["image_id"]: row for row in csv.DictReader(file)}
    test = (DATA / "test.txt").read_text().split()
    cats = [i for i in test if rows[i]["cat"] == "1"][:14]
    others = [i for i in test if rows[i]["cat"] == "0"][:14]
    ids = [i for pair in zip(cats, others, strict=True) for i in pair]
    for split, part in (("fit", ids[:4]), ("tune", ids[4:]), ("holdout", test[-2:])):
        (tmp_path / f"{split}.txt").write_text("\n".join(part))
    (tmp_path / "words.txt").write_text("cat\nairplane\nroad\n")
    (tmp_path / "spec.yaml").write_text(SPEC.format(data=DATA.resolve(), home=tmp_path))
    precompute.run(load_spec(tmp_path / "spec.yaml"), tmp_path / "a.zarr")
    store = open_store(tmp_path / "a.zarr")
    cat = store.label[:, store.classes.index("cat")]
    score = store.concept_score[:, store.concepts.index("cat")]
    assert average_precision(cat, score) > 0.9
    assert average_precision(cat, store.concept_score[:, 1]) < 0.8

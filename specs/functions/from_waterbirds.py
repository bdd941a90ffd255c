"""Waterbirds: one class, with the place of the photo, land or water, as metadata."""

import csv

LABELS = {"1": ["waterbird"], "0": []}  # any other cell: unknown
SPLITS = ("train", "val", "test")
PLACES = {"0": "land", "1": "water"}


def images(root):
    with (root / "metadata.csv").open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            yield {
                "image": root / row["img_filename"].replace("\\", "/"),
                "labels": LABELS.get(row["y"]),
                "id": row["img_id"],
                "split": dict(zip("012", SPLITS, strict=True)).get(row["split"]),
                "metadata": {"place": PLACES.get(row["place"], "")},
            }

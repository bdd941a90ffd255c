"""Waterbirds: one class, with the place of the photo, land or water, as metadata."""

import csv


def images(root):
    with (root / "metadata.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield {
                "image": root / row["img_filename"],
                "labels": ["waterbird"] if row["y"] == "1" else [],
                "id": row["img_id"],
                "split": ("train", "val", "test")[int(row["split"])],
                "metadata": {"place": ("land", "water")[int(row["place"])]},
            }

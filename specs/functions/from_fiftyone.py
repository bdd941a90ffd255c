"""A data set of FiftyOne by its name: splits are tags, classes those of the field ground_truth."""

from pathlib import Path

import fiftyone


def images(root):
    for sample in fiftyone.load_dataset(Path(root).name):
        label = sample["ground_truth"]
        parts = getattr(label, "classifications", None) or getattr(label, "detections", [label])
        names = None if label is None else [part.label for part in parts]
        key = Path(sample.filepath).stem
        yield {"image": sample.filepath, "labels": names, "id": key, "split": sample.tags}

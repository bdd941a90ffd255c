"""A folder that the package datasets wrote or reads, such as Parquet: photos with their classes."""

from math import isnan

from datasets import Dataset, Image, load_dataset, load_from_disk


def images(root):
    saved = any((root / name).is_file() for name in ("dataset_dict.json", "state.json"))
    found = load_from_disk(root) if saved else load_dataset(str(root))
    for split, rows in ({"train": found} if isinstance(found, Dataset) else found).items():
        feature = rows.features["label"]  # of a class, or of a list of classes
        names = getattr(getattr(feature, "feature", feature), "names", None)
        for row in rows.cast_column("image", Image(decode=False)):
            photo = row["image"]["bytes"] or row["image"]["path"]
            yield {"image": photo, "labels": labels_of(row["label"], names), "split": split}


def labels_of(label, names):
    """Name of a class, or names of classes; None, unknown, for -1, which is no label here."""
    if isinstance(label, list):
        known = dict.fromkeys(labels_of(one, names) for one in label)
        known.pop(None, None)
        return list(known) if known or not label else None
    if label is None or label == "" or (isinstance(label, float) and isnan(label)):
        return None
    if isinstance(label, str | bytes):
        return label
    if names and label >= len(names):
        raise ValueError(f"the label {label} has no name: there are {len(names)} classes")
    return None if label < 0 else names[label] if names else label

"""A data set of FiftyOne by its name: splits are tags; and the students' decisions back into it."""

import fiftyone


def images(root):
    for sample in fiftyone.load_dataset(root.name):
        label = sample["ground_truth"]  # Classification, Classifications or Detections, or none
        yield {
            "image": sample.filepath,
            "labels": names_of(label),
            "id": sample.id,
            "split": sample.tags,
        }


def names_of(label):
    """Names of the classes, each once; None, unknown, without a label."""
    if label is None:
        return None
    parts = getattr(label, "classifications", getattr(label, "detections", [label]))
    names = dict.fromkeys(part.label for part in parts if part.label)
    return list(names) if names or not parts else None


def write(students, name, split="tune"):
    samples, single = fiftyone.load_dataset(name), students.tuner.store.task == "single_label"
    tables = students.images(split), students.predict(split), students.predict_proba(split)
    for image, decided, chance in zip(*tables, strict=True):
        cells = [cell for cell in zip(students.classes, decided, chance, strict=True) if cell[1]]
        found = [
            fiftyone.Classification(label=cell[0], confidence=float(cell[2])) for cell in cells
        ]
        sample = samples[image]
        several = fiftyone.Classifications(classifications=found)
        sample["students"] = next(iter(found), None) if single else several
        sample.save()

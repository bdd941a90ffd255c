"""A data set of FiftyOne by its name: splits are tags; and the students' decisions back into it."""

import fiftyone


def images(root):
    for sample in fiftyone.load_dataset(root.name):
        label = sample["ground_truth"]  # Classification, Classifications or Detections, or none
        parts = getattr(label, "classifications", getattr(label, "detections", [label]))
        names = None if label is None else [part.label for part in parts]
        yield {"image": sample.filepath, "labels": names, "id": sample.id, "split": sample.tags}


def write(students, name, split="tune"):
    samples, single = fiftyone.load_dataset(name), students.tuner.store.task == "single_label"
    tables = students.images(split), students.predict(split), students.predict_proba(split)
    for image, decided, chance in zip(*tables, strict=True):
        cells = [cell for cell in zip(students.classes, decided, chance, strict=True) if cell[1]]
        found = [fiftyone.Classification(label=cell[0], confidence=cell[2]) for cell in cells]
        sample = samples[image]
        several = fiftyone.Classifications(classifications=found)
        sample["students"] = found[0] if single else several
        sample.save()

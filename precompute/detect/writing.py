"""Write a spec with comments for a folder; detect the task and the keys of the teacher."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.installation import shipped_folder
from inficond_panel.common.near_words import listed
from inficond_panel.common.teacher_outputs import logits_fault, probabilities_fault
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import BAD_SHARE
from inficond_panel.store.checks import ONE_CLASS_REMEDY, is_single_label, single_label_fault
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX
from precompute.datasets import Dataset
from precompute.datasets.table_files import read_rows
from precompute.detect.chosen import ChosenModel
from precompute.detect.layout import FolderLayout
from precompute.teachers.outputs import plain_name
from precompute.teachers.tables import read_arrays, read_outputs

_PLAIN = re.compile(r"[A-Za-z_./][\w./ -]*(?<! )")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "none"}
_ORDER = "# the order of the network's outputs: check it"
_FILL = "# to fill: the class of this output"
_WIDTH = 120
_OF_WORDS = ["  scores: {method: words} # 1 where the caption has the concept, else 0"]
_COMMENTS = {
    "task": "each image has exactly one class",
    "image_id": "how the teacher's table names the images",
    "classes": "those that are taken",
    "near_duplicates": "images with one text count as one",
    "captions": "the page shows them; their words are the concepts",
    "metadata": "inficond metrics --by takes its columns",
    "metadata_table": "inficond metrics --by takes its columns",
}


@dataclass
class SpecDraft:
    """Content of a new spec.

    ``teacher_more`` are further keys of the teacher's section, and ``comments`` what the spec says
    of some of them. With ``filtered`` the spec filters words; with ``to_fill`` a person must name
    the teacher's outputs. ``teacher_cost`` are the multiplications of the teacher's network per
    photo, None if unknown. ``lost`` is a text on images without a file; "" if all have one.

    Paths have the form in which the spec writes them.
    """

    title: str
    layout: FolderLayout
    splits: Mapping[str, Any]
    splits_note: str
    corpus: str
    encoder: ChosenModel | None
    teacher: ChosenModel
    keys: dict[str, Any] = field(default_factory=dict)
    teacher_more: Mapping[str, Any] = field(default_factory=dict)
    comments: Mapping[str, str] = field(default_factory=dict)
    filtered: bool = False
    device: str = ""
    to_fill: bool = False
    teacher_cost: float | None = None
    lost: str = ""


def spec_text(draft: SpecDraft) -> str:
    """Return the text of a new spec, in YAML with comments."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: SpecDraft) -> Iterator[str]:
    layout = draft.layout
    schema = shipped_folder("docs") / "spec.schema.json"
    yield f"# yaml-language-server: $schema={schema.as_uri()}"
    yield f"# Written by inficond init: {_line(layout.origin)}."
    yield "# Every key: inficond docs spec. After a change: inficond check."
    yield f"title: {value(draft.title)}"
    yield "dataset:"
    yield f"  kind: {layout.kind}"
    for key, setting in draft.keys.items():
        yield f"  {key}: {value(setting)}{_comment(_COMMENTS, key)}"
    if draft.splits:
        yield f"  splits: # {_line(draft.splits_note)}"
        yield "    # What the teacher was trained on belongs in fit, and only there."
        yield f"    fit: {value(draft.splits['fit'])} # students are fitted on these"
        yield f"    tune: {value(draft.splits['tune'])} # the screen shows these"
        yield f"    holdout: {value(draft.splits['holdout'])} # looked at on purpose only"
    if layout.kind != "store" and draft.encoder:
        share = f"max_bad_share: {BAD_SHARE}"
        yield f"  {share} # of the images may be unreadable; with more the run stops"
    yield "concepts:"
    yield f"  corpus: {value(draft.corpus)} # one concept per line, for you to edit"
    yield from _encoder_lines(draft) if draft.encoder else _OF_WORDS
    yield f"teacher: # {_line(draft.teacher.note)}"
    for key, setting in {**draft.teacher.keys, **draft.teacher_more}.items():
        yield from (
            _output_lines(setting, draft.to_fill)
            if key == "classes"
            else [f"  {key}: {value(setting)}{_comment(draft.comments, key)}"]
        )
    if draft.device:
        yield f"device: {draft.device} # of encoder and teacher"
    yield "students:"
    yield "  lambda: auto # by the teacher, per class; a number, larger: fewer concepts per student"


def _comment(comments: Mapping[str, str], key: str) -> str:
    return f" # {comments[key]}" if key in comments else ""


def _encoder_lines(draft: SpecDraft) -> Iterator[str]:
    """Yield the lines of ``concepts`` below the corpus for concepts that an encoder scores."""
    assert draft.encoder is not None, "words of captions have none"
    yield '  prompts: ["a photo of a {}"]'
    if draft.filtered:
        yield "  filters: # inficond concept filter shows which words are dropped"
        yield "    longest: 30 # characters"
        yield "    class_cosine: 0.95 # with the name of a class"
        yield "    twin_cosine: 0.95 # with an earlier concept"
        yield "    least_score: 0 # mean of the five largest scores on fit must exceed it"
    yield f"  encoder: # {_line(draft.encoder.note)}"
    for key, setting in draft.encoder.keys.items():
        yield f"    {key}: {value(setting)}"


def _output_lines(classes: Sequence[str], to_fill: bool) -> Iterator[str]:
    """Yield the lines of ``teacher.classes``: one line if short, else a line per class. With
    ``to_fill`` a comment after each class asks for its name."""
    if to_fill:
        yield "  classes:"
        yield from (f"    - {value(name)} {_FILL}" for name in classes)
        return
    line = f"  classes: {value(classes)} {_ORDER}"
    if len(line) <= _WIDTH:
        yield line
        return
    yield f"  classes: {_ORDER}"
    yield from (f"    - {value(name)}" for name in classes)


def is_to_fill(teacher: ChosenModel, classes: Sequence[str]) -> bool:
    """Return True if a person must name the teacher's outputs: the outputs have no names, and their
    number is not that of ``classes``."""
    return teacher.nameless and len(teacher.outputs) not in (0, len(classes))


def value(data: object) -> str:
    """Return a value as text of YAML, on one line."""
    if isinstance(data, Mapping):
        return "{" + ", ".join(f"{key}: {value(item)}" for key, item in data.items()) + "}"
    if isinstance(data, (list, tuple)):
        return "[" + ", ".join(map(value, data)) + "]"
    if isinstance(data, bool):
        return str(data).lower()
    if isinstance(data, (int, float)):
        return str(data)
    text = str(data)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text.strip(".")
    return text if plain else json.dumps(text, ensure_ascii=True)


def relative(path: Path, folder: Path) -> str:
    """Return a path as a spec in ``folder`` writes it: relative if the path is below ``folder``."""
    path, folder = path.absolute(), folder.absolute()
    below = path.relative_to(folder) if path.is_relative_to(folder) else path
    return below.as_posix()


def _line(text: str) -> str:
    return " ".join(text.split())


#: Kinds of teachers that always have sigmoids.
_SIGMOIDS = ("head", "query2label")


@dataclass(frozen=True)
class TaskKeys:
    """Keys of a spec's sections ``dataset`` and ``teacher`` that are detected from labels and
    teacher; ``assumed`` lists the assumptions for people, ``comments`` those that the spec states
    beside keys of the teacher."""

    dataset: dict[str, str] = field(default_factory=dict)
    teacher: dict[str, Any] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)


def task_keys(
    dataset: Dataset,
    teacher: ChosenModel,
    *,
    task: str = "",
    activation: str = "",
    outputs: str = "",
) -> TaskKeys:
    """Return the spec's keys of the task, and of the teacher's activation, outputs and class names.

    ``task``, ``activation`` and ``outputs`` are detected if empty. Raises ``DataError`` for an
    unreadable table, and for images without exactly one class if the task needs it.
    """
    fault = single_label_fault(dataset.label, dataset.ids, dataset.classes)
    if task == "single_label" and fault:
        raise DataError(fault, ONE_CLASS_REMEDY)
    task = task or ("single_label" if is_single_label(dataset.label) else "")
    single, keys = task == "single_label", TaskKeys({"task": task} if task else {})
    values = np.empty((0, 0))
    if teacher.table is not None:
        values = read_outputs(teacher.table, dataset.ids, dataset.classes)[0]
        values = values if single else values[:, : len(dataset.classes)]
    shares = "probabilities" in (outputs or logits_fault(values))
    if outputs or teacher.probabilities or shares:
        keys.teacher["outputs"] = outputs or "probabilities"
    if shares and not outputs:
        keys.assumed.append("the teacher's table holds probabilities: all lie in 0..1")
    _name_outputs(keys, dataset, teacher)
    if activation:
        keys.teacher["activation"] = activation
        return keys
    if single:
        apart = shares and bool(probabilities_fault(values, by_softmax=True))
        _end_single(
            keys, teacher, apart, *_by_labels(np.empty((0, 0)) if shares else values, dataset)
        )
    elif teacher.activation == SOFTMAX:
        keys.teacher["activation"] = SIGMOID
        keys.assumed.append(
            "an image can have several classes, though the teacher was trained for one class per "
            "image: each of its logits gets a sigmoid"
        )
    return keys


def _name_outputs(keys: TaskKeys, dataset: Dataset, teacher: ChosenModel) -> None:
    """Add ``teacher.classes`` if the file has no output names, ``teacher.labels`` if its names
    differ from the data set's."""
    if is_to_fill(teacher, dataset.classes):
        keys.teacher["classes"] = list(teacher.outputs)
    elif teacher.nameless:
        keys.teacher["classes"] = list(dataset.classes)
        keys.assumed.append(
            "the network's outputs are the data set's classes, in this order: "
            f"{listed(dataset.classes)}. Its file does not name them: check teacher.classes"
        )
    if labels := _labels(dataset.classes, teacher):
        keys.teacher["labels"] = labels
        renamed = ", ".join(f"{name} is {label!r}" for name, label in labels.items())
        keys.assumed.append(f"in the teacher's output names {renamed}")


def _by_labels(values: np.ndarray, dataset: Dataset) -> tuple[str, str]:
    """Return the activation that predicts the labels of fit better, a softmax unless a sigmoid per
    class clearly does, and the sentence on it, "" with few labels. The first columns of ``values``
    are logits of the data set's classes; without values the sentence is "", too."""
    if not values.size:
        return SOFTMAX, ""
    from inficond_panel.store.teacher_outputs import activation_text, fit_of_labels

    own, other = np.split(values, [len(dataset.classes)], axis=1)
    fit = fit_of_labels(own, dataset.label, np.array(dataset.split), single=True, other=other)
    if fit is None:
        return SOFTMAX, ""
    better = fit.better or SOFTMAX
    return better, activation_text(fit, better)


def _end_single(
    keys: TaskKeys, teacher: ChosenModel, apart: bool, by_labels: str, text: str
) -> None:
    """Add the activation of a teacher of single-label data: of its file, a sigmoid if its
    probabilities are ``apart`` (do not sum to 1), or the one ``by_labels``, with its reason as
    ``text``."""
    if teacher.keys["kind"] in _SIGMOIDS:
        return
    keys.teacher["activation"] = teacher.activation or (SIGMOID if apart else by_labels)
    if apart or teacher.activation:
        return
    reason = f": {text}" if text else ""
    if by_labels == SIGMOID:
        keys.comments["activation"] = "assumed by the labels; softmax if trained for one class"
        keys.assumed.append(
            f"the teacher's activation is a sigmoid per class{reason}; if it was trained to choose "
            "one class, set teacher.activation: softmax"
        )
        return
    keys.comments["activation"] = "assumed; sigmoid if it was trained for each class separately"
    keys.assumed.append(
        f"the teacher's activation is a softmax, as each image has one class{reason}; if it was "
        "trained for each class separately, set teacher.activation: sigmoid"
    )


def _labels(classes: Sequence[str], teacher: ChosenModel) -> dict[str, str]:
    """Return ``teacher.labels`` for a transformers teacher: the output by class, for classes
    without an output of their name. It is the only output that has the class among its
    comma-separated names (``tabby, tabby cat``)."""
    outputs = teacher.outputs if teacher.keys["kind"] == "transformers" else ()
    named: dict[str, list[str]] = {}
    for output in outputs:
        for name in {plain_name(part) for part in output.split(",")}:
            named.setdefault(name, []).append(output)
    free = [name for name in classes if outputs and name not in outputs]
    labels = {name: named.get(plain_name(name), []) for name in free}
    return {name: only[0] for name, only in labels.items() if len(only) == 1}


def logit_classes(path: Path) -> list[str]:
    """Return the class names in a teacher's table of logits (CSV, Parquet or npz)."""
    if path.suffix.lower() == ".npz":
        return [str(name) for name in read_arrays(path, ["class_name"])[0].ravel()]
    return list(read_rows(path)[0][1:])


def check_unused(path: Path, dataset: Dataset) -> None:
    """Raise ``DataError`` on a fault in a table of logits that was not taken for one: a table with
    a column named like a class."""
    if not set(dataset.classes).isdisjoint(logit_classes(path)):
        try:
            read_outputs(path, dataset.ids, dataset.classes)
        except DataError as error:
            remedy = f"{error.remedy.rstrip('.')}, or leave the table out: --teacher head"
            raise DataError(error.message, remedy) from error

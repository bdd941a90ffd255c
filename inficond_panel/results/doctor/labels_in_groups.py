"""Labels of a class in groups of images: none, or other ones than the teacher's outputs say."""

from __future__ import annotations

from inficond_panel.results.doctor.labelled_otherwise import (
    LABELLED_OTHERWISE,
    OTHERWISE_REMEDY,
    labelled_otherwise,
)
from inficond_panel.results.doctor.never_labelled import (
    NEVER_LABELLED,
    NEVER_REMEDY,
    never_labelled,
)
from inficond_panel.results.doctor.store_faults import StoreFault
from inficond_panel.results.shared_bias import student_shared
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.things import COLUMN


def labels_in_groups(tuner: Tuner, node: Node, class_name: str, seed: int = 0) -> list[StoreFault]:
    """Return what is found of a class's labels in groups of images; [] for most. That no image of a
    group has it is not said where a column is asked about already (``student_shared``), and stands
    for the other finding."""
    store = tuner.store
    if told := never_labelled(store).get(class_name):
        asked = student_shared(tuner, node, class_name, seed=seed).found.asked
        by_column = any(each.kind == COLUMN for each in asked)
        return [] if by_column else [StoreFault(class_name, NEVER_LABELLED, told, NEVER_REMEDY)]
    if told := labelled_otherwise(store).get(class_name):
        return [StoreFault(class_name, LABELLED_OTHERWISE, told, OTHERWISE_REMEDY)]
    return []

"""One report on a store and its students: faults, and the first remedy."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from inficond_panel.distill.refits import Progress
from inficond_panel.errors import for_scripts
from inficond_panel.results.doctor.classes import classes_frame, suspects_frame
from inficond_panel.results.doctor.examined import Examined, examine
from inficond_panel.results.doctor.findings import findings_frame
from inficond_panel.results.doctor.labels import label_frames
from inficond_panel.results.shared_bias import shared_frame
from inficond_panel.results.worst_group import worst_groups
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.wording.remedies import remedies_for


def doctor(
    tuner: Tuner,
    node: Node,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    in_python: bool = False,
) -> dict[str, pd.DataFrame]:
    """Return frames on the problems of ``classes`` (None: all) and of their students at ``node``.

    ``findings`` has problems and remedies, the most urgent first, and last what cannot be told
    for lack of images; remedies name commands, or Python calls (``in_python``). ``classes`` has
    differences from fit to tune, the change of AP (0 to 1) and of separation (mean logit of
    positives minus that of negatives) of what the verdict compares (``verdict_of``: the student, or
    a model of the labels of fit), and AP on tune of the student, of the original student if it
    differs, and of two baselines. ``suspects`` has concepts that a student relies on, the most
    suspect first, with the shares of photos with and without the class that show each. ``shared``
    has what a student may rely on in all photos, which no split shows: other classes, columns of
    metadata, properties of the pictures, and concepts, the strongest first, with the shares of
    photos in which the class is found, and wrongly called, with each and without. ``labels`` has
    labels of fit that are likely wrong, the likeliest first; ``labels_to_look_at`` has those that
    may be right: a difference between fit and tune, or chance, looks the same, or the teacher and
    the other photos contradict them one by one; these of a class that is named, or has many.
    ``tuning_labels``, if there are any, has labels of tune that may be wrong. If the spec names
    groups of images (``tuning.groups``), ``worst_groups`` has their worst
    (``results.worst_group``), and a class of which one group is clearly worse than another is a
    finding. If ``classes`` is None, only first rows are displayed. What people said belongs to a
    class is marked in the tables, and no finding.

    Takes tenths of a second per class, once per refit of the class: what is measured is kept. The
    holdout is not used; the same seed gives the same answer. Raises ``TuningError`` for an
    unknown class.
    """
    reader = for_scripts if in_python else str
    names, whole = chosen_classes(classes, tuner.store.classes), classes is not None
    seen = dict[str, Examined]()
    for index, name in enumerate(names):
        if progress is not None:
            progress(index / len(names), f"looking at {name}")
        seen[name] = examine(tuner, node, name, seed)
    facts = {"node": node.id, "seed": seed}
    by, guess = tuner.spec.tuning.groups, reader(remedies_for(tuner.store).of_suspects)
    shared = {name: each.shared for name, each in seen.items()}
    return {
        "findings": findings_frame(tuner, node, seen, facts, reader),
        "classes": classes_frame(tuner, seen, facts, whole=whole),
        "suspects": suspects_frame(seen, facts, guess, whole=whole),
        "shared": shared_frame(shared, facts, whole=whole),
        **label_frames(tuner.store, seen, facts, reader, whole=whole),
        **({"worst_groups": worst_groups(tuner, node, TUNE, [by], classes=names)} if by else {}),
    }

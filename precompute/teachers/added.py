"""Logits of a store's teacher for photos that are added to it: by the network, heads or a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from inficond_panel.common.devices import CPU
from inficond_panel.concepts.extended_store import base_of
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import HeadTeacher, LogitsTeacher, NetworkTeacher
from inficond_panel.store import Store
from precompute.datasets.naming import first_of
from precompute.teachers.activations import Columns, split_columns
from precompute.teachers.applied import stored_heads
from precompute.teachers.inputs import network_inputs, pass_keys
from precompute.teachers.loading import batch_of, load_embedding
from precompute.teachers.network import Network, Pass
from precompute.teachers.output_names import section_with
from precompute.teachers.photos import Photos
from precompute.teachers.stage import plain_logits, teacher_logits
from precompute.teachers.tables import read_logits

_NAME_TABLE = "Name a table with a row per photo: --logits TABLE.csv"


def network_logits(
    section: NetworkTeacher,
    store: Store,
    photos: Photos,
    encoder: EncoderSection,
    device: str = CPU,
) -> Columns:
    """Logits ``(n, K)``, and ``(n, M)`` of other classes, of a network; NaN for unreadable photos.

    Batches that are finished are not run again. Heads are those of the store, fitted on all of
    ``fit``. Raises ``DataError`` where the teacher cannot run, and ``CancelledError``.
    """
    corpus = base_of(store).concepts
    if not isinstance(section, HeadTeacher):
        if section.oracle:  # it needs labels, which these photos do not have
            section = section_with(section, oracle=None)
        return teacher_logits(section, photos, encoder, corpus, device).logits
    heads = stored_heads(section, store, device)
    key = pass_keys(network_inputs(section, store.classes, encoder, corpus))["features"]
    run = Network(key, partial(load_embedding, section, encoder, device, kept=True))
    width = store.teacher_feature.shape[1]
    work = Pass("features", key, run, plain_logits, photos.dataset, width)
    features = photos.run(work, batch_of(section, encoder))
    return split_columns(heads.of_others(features), len(store.classes))


def table_logits(
    section: LogitsTeacher, store: Store, table: Path | None, names: Sequence[str]
) -> Columns:
    """The same from a table with a row for each of ``names``: ``table``, else the spec's own.

    Values are what the teacher's outputs are by the spec. Raises ``DataError`` for photos without
    a row, and of a softmax for other classes than the store has.
    """
    if table is None:
        _check_own_table(section, store, names)
    elif twice := _twice(names):
        raise DataError(
            f"Several photos are named {twice[0]!r}, and the table has one row for them.",
            "Name the folder above them: photos are then named by their paths below it.",
        )
    outputs = section.outputs or "logits"  # few rows of logits may look like probabilities
    named = section_with(section, path=table or section.path, outputs=outputs)
    found = read_logits(named, names, store.classes)
    others = [str(name) for name in store.read("other_class")]
    if set(found.other_classes) != set(others):
        raise DataError(
            f"{named.path} has logits of {len(found.other_classes)} classes that the data set "
            f"lacks, the store of {len(others)}: a softmax is over all of them.",
            "Give the table the columns of the table that the store was made with.",
        )
    order = [found.other_classes.index(name) for name in others]
    return Columns(found.own, found.other[:, order], tuple(others))


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name, number in Counter(names).items() if number > 1]


def _check_own_table(section: LogitsTeacher, store: Store, names: Sequence[str]) -> None:
    """Raise ``DataError`` where the spec's table cannot be meant: rows go by name."""
    known = set(store.images)
    if alike := [*(name for name in names if name in known), *_twice(names)]:
        raise DataError(
            f"{len(alike)} photos are named as another image whose logits {section.path} has, "
            f"{first_of(alike)}.",
            _NAME_TABLE,
        )
    try:
        read_logits(section, names, store.classes)
    except DataError as error:
        raise DataError(
            f"The teacher is a table of logits, and the photos are not in it: {error.message}",
            _NAME_TABLE,
        ) from error

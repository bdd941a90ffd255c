"""``inficond check``: the problems of a spec or a study."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import note, progress, say
from inficond_panel.commands.shared.parser import ArgumentParser, precompute_package
from inficond_panel.common.database import IN_MEMORY, is_address
from inficond_panel.common.devices import CPU
from inficond_panel.common.installation import path_word
from inficond_panel.common.places import has_store
from inficond_panel.errors import DataError, InficondError, MissingExtraError, StoreError
from inficond_panel.spec import Spec, check_against, load_spec
from inficond_panel.spec.sections.dataset import RootedDataset
from inficond_panel.spec.sections.teacher import LogitsTeacher, NamedOutputs
from inficond_panel.vocabulary.tasks import (
    ALIKE_NAMES,
    MISSING_CODES,
    NEAR_DUPLICATES,
    SOFTMAX,
    UNLIKE_SCALES,
    task_text,
)

if TYPE_CHECKING:
    from inficond_panel.store import Store
    from precompute.datasets import Dataset

DESCRIPTION = (
    "Exits with 2 if the spec has problems, with 1 for problems of its data or its history, which "
    "is read whole. Without a store it reads corpus and labels, looks for the images, compares "
    "files of equal size, and opens the file of the teacher's network. Decodes no image, runs no "
    "network."
)
EXAMPLE = "inficond check photos.yaml"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond check`` to its parser."""
    parser.add_spec("; or file of a study")


def run(args: argparse.Namespace) -> None:
    """Read a spec or a study, compare it with its store if that exists, and print a summary."""
    from inficond_panel.study.spec.study_spec import find_file, is_study

    file = find_file(args.spec)
    if is_study(file):
        _check_study(args.spec)
        return
    spec = load_spec(file)
    if has_store(spec.store):
        teacher = _check_against_store(spec, args.spec)
        opened = teacher is not None
    else:
        teacher, opened = _check_data(spec), False
    history = _history_text(str(spec.history_of(args.spec)))
    say(f"{args.spec}: no problems.")
    say(f"title    {spec.title}")
    if spec.dataset:
        activation = spec.teacher.activation or "sigmoid"
        say(f"task     {task_text(spec.dataset.task, activation)}")
    if spec.students.link == SOFTMAX:
        say("students one softmax over all classes: a thumb on one class changes the others too")
    for line in teacher or ():
        say(line)
    _say_store(spec, args.spec, opened)
    say(f"history  {history}")
    if spec.study and has_store(spec.store):
        _check_study(args.spec)


def _say_store(spec: Spec, name: str, opened: bool) -> None:
    """Print the path of the store, and its format if it could be ``opened``; if it does not exist,
    what cannot be checked yet."""
    if has_store(spec.store):
        from inficond_panel.store import FORMAT_VERSION

        say(f"store    {spec.store}" + f", format {FORMAT_VERSION}" * opened)
        return
    make = "" if spec.of_store else f" yet; run: inficond precompute {path_word(name)}"
    say(f"store    {spec.store} (does not exist{make})")
    if isinstance(spec.teacher, NamedOutputs) and not spec.order:
        say("outputs  weights and order are checked by inficond precompute, on photos and labels")


def _history_text(place: str) -> str:
    """Return the place of the history, and its format if there is one. Raises ``HistoryError`` for
    a history that cannot be used."""
    if place == IN_MEMORY:
        return place
    missing = f"{place} (does not exist yet)"
    if not is_address(place) and not Path(place).exists():
        return missing  # without what histories need to load
    from inficond_panel.tuning import History
    from inficond_panel.tuning.history.log import HISTORY

    history = History(place)
    if not history.exists():
        return missing
    history.check()
    history.close()
    return f"{place}, format {HISTORY.version}"


def _check_data(spec: Spec) -> list[str]:
    """Read corpus, data set and the teacher's table, look for the images, and open the file of a
    network; return what it states on input and output, as lines.

    Raises ``DataError`` with all faults, at their lines of the spec, and ``OrderError`` for a
    table whose columns fit the labels under other names.
    """
    if not isinstance(spec.dataset, RootedDataset):
        return []
    try:
        precompute_package()
    except MissingExtraError as error:
        note(f"Images and labels are not checked: {error.message}")
        return []
    from inficond_panel.spec.faults import Faults, in_spec
    from inficond_panel.store.near_images import listing_of
    from precompute.concepts.corpus import read_corpus
    from precompute.datasets import load_dataset

    faults, lines = Faults(), list[str]()
    with faults.gather():
        read_corpus(Path(spec.concepts.corpus))
    with faults.gather():
        dataset = load_dataset(spec.dataset)
        with faults.gather():
            _check_images(spec.dataset, dataset, listing_of(spec.path))
        with faults.gather("teacher"):
            lines = _teacher_lines(spec, dataset)
    try:
        faults.check()
    except DataError as error:
        raise in_spec(error, spec) from error.__cause__
    return lines


def _check_images(section: RootedDataset, dataset: Dataset, listing: Path) -> None:
    """Look for the files of a data set, and compare those of equal size; raise ``DataError``.

    Copies across splits are written to the file ``listing``."""
    from inficond_panel.store.near_images import ALLOWED, check_across
    from precompute.datasets import check_files, lost_text
    from precompute.datasets.equal_files import equal_images
    from precompute.datasets.labels import without_positives

    for told in without_positives(dataset.split, dataset.label, dataset.classes):
        note(f"Warning: {told}")
    if lost := check_files(dataset, section.max_bad_share):
        note(f"Warning: {lost_text(lost)}")
    equal = equal_images(dataset)
    if equal.contradictions:
        note(f"Warning: {equal.contradictions}")
    check_across(equal.near, section.across_splits, ALLOWED, listing)
    if equal.near.groups:
        note(f"Equal files: {equal.near}")


def _teacher_lines(spec: Spec, dataset: Dataset) -> list[str]:
    """Read the teacher's table, or load its network if it is a file; return lines on what they
    hold. Raises ``DataError`` for what does not fit the spec."""
    from inficond_panel.spec.sections.teacher import is_file

    if isinstance(spec.teacher, LogitsTeacher):
        from precompute.teachers.outputs import check_table

        text = check_table(spec.teacher, dataset)
        return [f"teacher  {text}"] if text else []
    if not is_file(spec.teacher):
        return []
    from precompute.teachers.loading import TeacherSource
    from precompute.teachers.onnx_graph import lines_of

    try:
        source = TeacherSource.of(spec, dataset.classes, [])
        replace(source, device=CPU).load()
        return [f"network  {line}" for line in lines_of(source.section, dataset.classes)]
    except MissingExtraError as error:
        note(f"The teacher's network is not checked: {error.message}")
        return []


def _check_study(name: str) -> None:
    """Check a study against the stores of its tasks: classes, start nodes, rules, and its plan."""
    from inficond_panel.predict import PageEncoder
    from inficond_panel.study.run.balance import planned_people, round_text, unevenness
    from inficond_panel.study.run.named_concepts import named_concepts
    from inficond_panel.study.run.plan_warnings import plan_warnings
    from inficond_panel.study.run.study import open_study
    from inficond_panel.study.run.training import training_warnings

    study = open_study(name)
    ready = study.check(progress, PageEncoder)
    say(f"{study.spec.path}: no problems.")
    say(f"study    {study.spec.title}")
    for task in ready.values():
        say(f"task     {task.task.name_}: {task.class_name} of {task.spec.title}")
    say(f"data     {study.folder}")
    if round_text(study.spec):
        say(f"round    {round_text(study.spec)}")
    for warning in training_warnings(study.spec, ready):
        note(f"Warning: training: {warning}")
    for warning in plan_warnings(study.spec, ready):
        note(f"Warning: {warning}")
    if named := named_concepts(study.spec, ready):
        note(f"Warning: conditions: {named}")
    if (people := planned_people(study.spec)) and (uneven := unevenness(study.spec, people)):
        note(f"Warning: participants.most: {uneven}")


def _check_networks(spec: Spec, store: Store) -> None:
    """Note if a store of photos was made with other networks than the spec names, or with another
    content of their files."""
    if not isinstance(spec.dataset, RootedDataset) or spec.concepts.of_words:
        return
    try:
        precompute_package()
    except MissingExtraError as error:
        note(f"Encoder and teacher are not compared with the store: {error.message}")
        return
    from precompute.pipeline.apply import checked_settings
    from precompute.teachers.applied import checked_teacher

    for compare in (checked_settings, checked_teacher):
        try:
            compare(spec, store)
        except InficondError as error:
            note(f"Warning: {error.for_shell}")


def _check_against_store(spec: Spec, name: str) -> list[str] | None:
    """Check class names, groups and link against the store; return lines on its teacher, or None,
    with a note, if the store cannot be used."""
    from inficond_panel.concepts.own_words import words_note
    from inficond_panel.store import open_store
    from inficond_panel.store.teacher_outputs import hold_store, store_activation_text
    from inficond_panel.tuning.cells import check_groups
    from inficond_panel.wording.things import in_words_of

    try:
        store = open_store(spec.store)
    except StoreError as error:
        note(f"Class names, groups and link are not checked: {error.for_shell}")
        return None
    check_against(spec, store.classes, store.task)
    check_groups(spec, store)
    try:
        if better := hold_store(store, spec.order):
            note(in_words_of(store, f"Warning: {better.warning}"))
    except StoreError as error:
        note(f"The order of the teacher's outputs is not checked: {error}")
    try:
        if lacking := words_note(store, name):
            note(in_words_of(store, lacking))
    except StoreError as error:
        note(f"The classes' own words are not checked: {error}")
    _check_networks(spec, store)
    kinds = (ALIKE_NAMES, MISSING_CODES, NEAR_DUPLICATES, UNLIKE_SCALES)
    told = [text for text in store.attrs.get("warnings", []) if text.startswith(kinds)]
    for warning in filter(None, [*told, store.contradictions]):
        note(in_words_of(store, f"Warning: {warning}"))
    text = store_activation_text(store)
    return [f"teacher  {text}"] if text else []

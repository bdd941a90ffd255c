"""``inficond check`` and ``precompute``: the spec and its store."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from inficond_panel.commands.output import note, progress, say, say_json
from inficond_panel.errors import MissingExtraError, StoreError
from inficond_panel.spec import Spec, check_classes, find_spec, load_spec
from inficond_panel.store import open_store
from inficond_panel.study.run.study import find_file, open_study
from inficond_panel.study.spec.study_spec import is_study
from inficond_panel.tuning.opening import usual_history


def check(args: argparse.Namespace) -> None:
    """Read a spec, where its store is there hold it against that, and say what it is."""
    file = find_file(args.spec)
    if is_study(file):
        _check_study(args.spec)
        return
    spec = load_spec(file)
    if spec.store.exists():
        _check_against_store(spec)
    say(f"{args.spec}: no problems.")
    say(f"title    {spec.title}")
    if spec.store.exists():
        say(f"store    {spec.store}")
    else:
        say(f"store    {spec.store} (not there yet; run: inficond precompute {args.spec})")
    say(f"history  {usual_history(args.spec, spec)}")
    if spec.study and spec.store.exists():
        _check_study(args.spec)


def _check_study(name: str) -> None:
    """Hold a study against the stores of its tasks: classes, start nodes, rules."""
    study = open_study(name)
    ready = study.check(progress)
    say(f"{study.spec.path}: no problems.")
    say(f"study    {study.spec.title}")
    for task in ready.values():
        say(f"task     {task.task.name_}: {task.class_name} of {task.spec.title}")
    say(f"data     {study.folder}")


def _check_against_store(spec: Spec) -> None:
    """A store that cannot be used is no fault of the spec: it is said, and that is all."""
    try:
        classes = open_store(spec.store).classes
    except StoreError as error:
        note(f"Class names are not checked: {error}")
        return
    check_classes(spec, classes)


def precompute(args: argparse.Namespace) -> None:
    """Make the store of a spec, or say what that would do."""
    spec = load_spec(find_spec(args.spec))
    package, store = precompute_package(), args.store or spec.store
    if args.plan:
        _say_plan(package.plan(spec, store, progress=note), args.json)
        return
    report = package.run(spec, store, progress=note, scheduler=args.scheduler)
    if args.json:
        say_json({**asdict(report), "store": str(report.store)})
        return
    images = ", ".join(f"{count} {split}" for split, count in report.images.items())
    say(f"{report.store}: {'written' if report.changed else 'unchanged, nothing was done'}")
    say(f"images {images}; segments {report.segments}; hash {report.content_hash}")
    if report.skipped:
        say(f"skipped {len(report.skipped)} images that cannot be read; see: inficond info")


def _say_plan(plan: Any, as_json: bool) -> None:
    if as_json:
        say_json(plan.document())
        return
    for line in plan.lines():
        say(line)


def precompute_package() -> Any:
    """The package ``precompute``; raises ``MissingExtraError`` where it cannot be used."""
    try:
        import precompute as package  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise MissingExtraError(
            f"Making a store needs packages that are not installed ({error.name}).",
            "Install them: pip install 'inficond-panel[precompute]'",
        ) from error
    return package

"""Conditions that change keys of the app's spec, and what participants may not do in a task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_spec
from studies import STUDY, Visitor, small_study

from inficond_panel.errors import SpecError, TuningError
from inficond_panel.spec import load_spec
from inficond_panel.store import write_store
from inficond_panel.study.results.timeline import rebuild
from inficond_panel.study.run.study import page_spec
from inficond_panel.tuning import History, Intent, Tuner
from inficond_panel.tuning.opening import open_spec_store

LEVELS = """conditions:
  levels:
    - name: usual
    - name: strong
      spec:
        tuning: {factor: 4, preview: true}
        students: {lambda: 0.02}
        views: {intervals: false}
        layout: {rows: [[performance], [knowledge, detail]]}
"""


def test_a_condition_changes_any_key_and_keeps_the_rest(tmp_path: Path) -> None:
    study = small_study(tmp_path, STUDY + LEVELS)
    usual, strong = (study.add_participant()[1] for _ in range(2))
    usual, strong = Visitor(study, usual), Visitor(study, strong)
    for visitor in (usual, strong):
        visitor.to_task()
    one, other = usual.page.work.app, strong.page.work.app
    assert (one.tuning.factor, other.tuning.factor) == (2, 4)
    assert other.spec.layout.rows == [["performance"], ["knowledge", "detail"]]
    assert other.spec.tuning.step == one.spec.tuning.step
    assert (one.spec.views.intervals, other.spec.views.intervals) == (True, False)
    assert other.spec.views.draws == one.spec.views.draws
    spec = load_spec(tmp_path / "small.yaml", check_files=False)
    spec.students.lambda_ = 0.02
    root = Tuner(open_spec_store(spec.path, spec.store), spec, History(":memory:")).root()
    assert other.students.node.id == root.id != one.students.node.id
    np.testing.assert_array_equal(other.students.node.weights, root.weights)
    strong.tune("wheel")
    assert all(item.equal for item in rebuild(study, strong.page.session.participant))


def test_places_of_a_task_or_condition_leave_how_much_is_shown(tmp_path: Path) -> None:
    small_spec(tmp_path, extra="layout: {show: simple}\n")
    bare = STUDY.replace("class: bicycle", "class: bicycle\n    views: [performance, detail]")
    study = small_study(tmp_path, bare + LEVELS, prepare=False)
    spec = load_spec(tmp_path / "small.yaml", check_files=False)
    layout = page_spec(spec, study.spec.all_tasks[0], None).layout
    assert (layout.views, layout.show) == (["performance", "detail"], "simple")
    assert study.spec.levels[1].spec.over(spec).layout.show == "simple"


def test_a_condition_has_a_store_of_its_own(tmp_path: Path) -> None:
    write_store(tmp_path / "other.zarr", small_arrays(concepts=20, seed=5), ATTRS)
    text = LEVELS.replace("tuning: {factor: 4, preview: true}", "store: other.zarr")
    study = small_study(tmp_path, STUDY + text)
    assert len(study.ready["bicycle"].store.concepts) == 30
    assert len(study.varied["bicycle", "strong"].store.concepts) == 20


CASES = {
    "unknown key": ("factor: 4", "facter: 4", "tuning.facter: unknown key. Did you mean 'factor'"),
    "out of bounds": ("factor: 4", "factor: 0.5", "tuning.factor: expected a number > 1"),
    "does not fit": ("factor: 4", "epochs: 4", "tuning.epochs: is not used with solver"),
    "no section": ("tuning:", "tunning:", "Did you mean 'tuning'"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_condition_is_checked_where_it_stands(tmp_path: Path, case: str) -> None:
    old, new, expected = CASES[case]
    text = STUDY + LEVELS
    with pytest.raises(SpecError) as caught:
        small_study(tmp_path, text.replace(old, new, 1))
    [problem] = caught.value.problems
    assert expected in problem.message
    assert problem.line == 1 + next(
        at for at, line in enumerate(text.splitlines()) if "tuning:" in line
    )


def test_a_participant_cannot_do_what_is_no_part_of_the_task(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    visitor = Visitor(study, study.add_participant()[1])
    visitor.to_task()
    app, shell = visitor.page.work.app, visitor.page.work.shell
    assert visitor.screen["closed"] == [
        *(
            "export",
            "holdout",
            "photos",
            "asking",
            "typing",
            "forgetting",
            "targets",
            "class",
        )
    ]
    for name in ("sheep", ""):
        with pytest.raises(TuningError):
            app.selection.class_name = name
    with pytest.raises(TuningError, match="allows bicycle only"):
        app.tuning.toggle(Intent("sheep", "wheel", "down"))
    with pytest.raises(TuningError, match="not allow holdout"):
        app.tuning.show_split("holdout")
    for ask in (
        lambda: app.export.edits(app.students.node.id),
        lambda: app.export.students(app.students.node.id, ["npz"]),
        lambda: visitor.page.work._views["performance"].act(
            {"action": "save_students", "names": ["bicycle"], "kind": "csv"}
        ),
    ):
        with pytest.raises(TuningError, match="not allow export"):
            ask()
    sent = []
    shell._page._send_msg = sent.append
    shell.act({"action": "open_export"})
    assert sent == []
    assert app.selection.class_name == "bicycle"
    assert sum(app.tuning.looks.values()) == 0
    assert app.tuning.pending == []

"""The page's choice of targets: teacher or oracle, one root each, one measure for both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, oracle_spec, small_arrays, small_spec, spec_text
from waiting import until

from inficond_panel.app import Explorer
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import write_store
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.configuration.view import ConfigurationView


@pytest.fixture
def app(tmp_path: Path) -> AppState:
    return AppState(open_tuner(oracle_spec(tmp_path)), Jobs(inline=True))


def test_without_an_oracle_there_is_no_choice(tmp_path):
    app = AppState(open_tuner(small_spec(tmp_path)), Jobs(inline=True))
    assert ConfigurationView(app).data()["targets"] is None
    app.targets.choose("oracle")
    assert app.targets.tuner is None


def test_the_oracles_students_have_a_root_of_their_own(app):
    view = ConfigurationView(app)
    assert view.data()["targets"]["value"] == "teacher"
    assert view.data()["mark"] == ""
    view.act({"action": "choose_targets", "name": "oracle"})

    tuner = app.targets.tuner
    assert tuner.history is app.tuner.history
    assert tuner.root_id != app.tuner.root_id
    assert tuner.nodes()[0].number == 0
    assert app.tuner.nodes()[0].weights_hash != tuner.nodes()[0].weights_hash


def test_all_metrics_compare_with_the_plain_teacher(app):
    app.targets.choose("oracle")
    other = AppState(app.targets.tuner, Jobs(inline=True))
    for name, metrics in other.students.snapshot.metrics.items():
        teacher = app.students.student(name).teacher_logits
        student = other.students.student(name)
        np.testing.assert_array_equal(student.teacher_logits, teacher)
        alike = (student.logits > 0) == (teacher > 0)
        assert metrics.fidelity == pytest.approx(alike.mean())
        assert metrics.teacher_ap == app.students.snapshot.metrics[name].teacher_ap


def test_an_oracle_that_cannot_be_used_is_told_and_nothing_is_lost(tmp_path):
    arrays = small_arrays()
    arrays["oracle_logit"] = np.full(arrays["teacher_logit"].shape, np.nan)
    write_store(tmp_path / "small.zarr", arrays, ATTRS)
    (tmp_path / "small.yaml").write_text(spec_text())
    app = AppState(open_tuner(tmp_path / "small.yaml"), Jobs(inline=True))
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    app.targets.choose("oracle")

    shown = ConfigurationView(app).data()
    assert "NaN or infinite" in shown["targets"]["error"]
    assert "gamma" in shown["targets"]["error"]
    assert shown["targets"]["value"] == "teacher"
    assert not shown["busy"]
    assert app.targets.tuner is None
    assert len(app.tuning.pending) == 1


def test_the_page_goes_on_with_class_and_batch_and_comes_back(tmp_path):
    async def session() -> None:
        explorer = Explorer([oracle_spec(tmp_path)])
        await until(lambda: explorer.app is not None)
        first = explorer.app
        first.selection.class_name = "sheep"
        first.tuning.toggle(Intent("sheep", "wheel", "up"))
        first.targets.choose("oracle")
        await until(lambda: explorer.app is not first)
        second = explorer.app
        assert second.targets.chosen == "oracle"
        assert second.selection.class_name == "sheep"
        assert second.tuning.pending == first.tuning.pending
        second.targets.choose("teacher")
        await until(lambda: explorer.app is not second)
        assert explorer.app.tuner.root_id == first.tuner.root_id
        await until(lambda: not explorer.jobs.busy)
        explorer.close()

    asyncio.run(session())

"""The iteration pinned beside: what it follows, when it goes, and what views make of it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from sessions import fine_tune, small_session
from sklearn.metrics import average_precision_score

from inficond_panel.distill import Interval
from inficond_panel.errors import StoreError
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.students import Pinned
from inficond_panel.views.configuration.view import ConfigurationView, make_pinned
from inficond_panel.views.knowledge.rows import make_pinned as make_influence
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.page.address import Address, make_address
from inficond_panel.views.performance.table import make_against
from inficond_panel.views.performance.table import make_pinned as make_values
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.provenance.view import ProvenanceView


@pytest.fixture
def app(tmp_path: Path) -> AppState:
    """A session on #0."""
    return small_session(tmp_path)


# -- the state -----------------------------------------------------------------------------------


def test_what_is_pinned_stays_beside_what_is_tuned(app):
    root = app.students.node.id
    app.pinned.toggle()
    assert (app.pinned.node_id, app.pinned.beside) == (root, None)  # it is the one in view
    fine_tune(app, "wheel")
    fine_tune(app, "sky")
    beside = app.pinned.beside
    assert (beside.node.id, beside.split) == (root, "tune")
    student = app.tuner.at(beside.node, "tune")["bicycle"]
    known = student.labels >= 0
    expected = average_precision_score(student.labels[known] == 1, student.logits[known])
    assert beside.metrics["bicycle"].ap == pytest.approx(expected, abs=1e-12)
    app.pinned.toggle()
    assert (app.pinned.node_id, app.pinned.record) == ("", None)


def test_it_goes_with_its_branch_and_does_not_come_back(app):
    root = app.students.node.id
    fine_tune(app, "wheel")
    leaf = fine_tune(app, "sky")
    first = app.students.node.parent
    app.tuning.jump(root)
    app.pinned.pin(leaf)
    app.tuning.delete(first)
    assert (app.pinned.node_id, app.pinned.record) == ("", None)
    app.tuning.restore(first)
    assert app.pinned.node_id == ""
    with pytest.raises(ValueError, match="no such iteration"):
        app.pinned.pin("elsewhere")


def test_a_late_result_is_not_shown_after_unpinning(app, monkeypatch):
    submitted = []
    monkeypatch.setattr(app.jobs, "submit", submitted.append)
    app.pinned.pin(app.students.node.id)
    app.pinned.unpin()
    [job] = submitted
    job.done(job.work(job))
    assert app.pinned.record is None


def test_what_cannot_be_read_is_told_and_not_pinned(app, monkeypatch):
    def fail(_: str) -> None:
        raise StoreError("The history is damaged.", "Restore it.")

    root = app.students.node.id
    fine_tune(app, "wheel")
    monkeypatch.setattr(app.tuner, "node", fail)
    app.pinned.pin(root)
    assert app.pinned.node_id == ""
    assert (app.tuning.status.kind, app.tuning.status.remedy) == ("error", "Restore it.")


def test_a_link_pins_and_another_unpins(app):
    root = app.students.node.id
    first = fine_tune(app, "wheel")
    app.pinned.pin(root)
    link = make_address(app)
    assert link == f"at={first[:8]}&beside={root[:8]}"
    other = AppState(app.tuner, Jobs(inline=True))
    assert Address(f"?{link}").follow(other) == ""
    assert other.pinned.beside.node.id == root
    assert "no iteration 'zz' to pin" in Address().go(other, "?beside=zz")
    assert other.pinned.node_id == ""


# -- the views -----------------------------------------------------------------------------------


def test_performance_tells_the_pinned_value_and_what_is_gained(app):
    now = app.students.snapshot
    then = {
        **now.metrics,
        "bicycle": replace(now.metrics["bicycle"], ap=0.5, f1=math.nan, recall=0.75),
    }
    bicycle = replace(now.metrics["bicycle"], ap=0.625, f1=0.5, recall=0.25)
    snapshot = replace(now, metrics={**now.metrics, "bicycle": bicycle})
    made = make_values(snapshot, Pinned(now.node, "tune", then))
    assert made["number"] == "#0"
    values = made["values"]["bicycle"]
    assert (values["ap"], values["recall"]) == ([0.5, 0.125], [0.75, -0.5])
    assert values["f1"] == [None, None]
    assert made["values"]["sheep"]["ap"][1] == 0
    assert make_values(snapshot, Pinned(now.node, "holdout", None))["values"] == {}
    assert make_values(snapshot, None) == {}


def test_the_card_of_a_class_tells_the_change_with_its_interval(app):
    pinned = Pinned(SimpleNamespace(number=3), "tune", {})
    assert make_against(pinned, "f1", Interval(0.02, 0.01, 0.03)) == [
        ["F1 against #3", "+2.0 pp [+1.0, +3.0]"]
    ]
    assert make_against(pinned, "f1", None) == []
    view = PerformanceView(app)
    app.pinned.toggle()
    assert view.table.pinned == {}
    fine_tune(app, "wheel")
    view.act({"action": "find_changes", "name": "bicycle"})
    told = dict(view.table.changes["bicycle"])
    assert told["AP against #0"] == told["AP since start"]
    ap, change = view.table.pinned["values"]["bicycle"]["ap"]
    assert ap + change == pytest.approx(view.table.rows[0]["ap"])


def test_knowledge_tells_the_influences_that_differ(app):
    pinned = Pinned(SimpleNamespace(number=3), "tune", {})
    rows = [{"concept": "wheel", "influence": 1.5}, {"concept": "sky", "influence": -0.5}]
    made = make_influence(pinned, {"wheel": 1.5 + 1e-9, "sky": 0.25, "tree": 2.0}, rows)
    assert made == {"number": "#3", "influence": {"sky": 0.25}}
    app.selection.class_name = "bicycle"
    view = KnowledgeView(app)
    app.pinned.toggle()
    fine_tune(app, "wheel")
    weights = app.tuner.root().weights[:, app.store.classes.index("bicycle")]
    then = view.table.pinned["influence"]
    assert then["wheel"] == weights[app.store.concepts.index("wheel")] != 0
    app.settings.show = "simple"
    assert view.table.pinned == {}
    app.settings.show = "full"
    assert view.table.pinned["influence"] == then
    app.selection.class_name = "sheep"  # which is untouched
    assert view.table.pinned == {"number": "#0", "influence": {}}


def test_the_strip_names_it_and_unpins(app):
    view = ConfigurationView(app)
    root = app.students.node.id
    app.pinned.toggle()
    assert "pinned and in view" in view._strip.data["pinned"]["title"]
    app.tuning.rename(root, "as it was")
    fine_tune(app, "wheel")
    told = view._strip.data["pinned"]
    assert (told["number"], "against #0 as it was." in told["title"]) == ("#0", True)
    view.act({"action": "unpin"})
    assert view._strip.data["pinned"] is None
    assert make_pinned(app.tuning.nodes, "elsewhere", root) is None


def test_the_comparison_offers_the_earlier_that_is_not_in_view(app):
    view = ProvenanceView(app)
    root = app.students.node.id
    first = fine_tune(app, "wheel")
    view.act({"action": "compare", "before": root, "after": first})
    assert view._tree.comparison["other"] == {"id": root, "number": "#0"}
    app.tuning.jump(root)
    view.act({"action": "compare", "before": root, "after": first})
    assert view._tree.comparison["other"] == {"id": first, "number": "#1"}
    view.act({"action": "pin", "node": first})
    assert view._tree.data["pinned"] == app.pinned.node_id == first
    view.act({"action": "unpin"})
    assert view._tree.data["pinned"] == ""

"""Intervals at the spec's level, of as many draws as it says, or none: the same estimates."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from factory import small_spec
from scipy import stats
from sklearn.metrics import average_precision_score

from inficond_panel import open_students
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.errors import TuningError
from inficond_panel.results.frame import interval_of
from inficond_panel.results.metrics import metrics
from inficond_panel.results.sensitivity import stability
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.provenance.comparison import make_comparison
from inficond_panel.vocabulary.confidence import confidence_word, interval_word, tails

pytestmark = [pytest.mark.commands, pytest.mark.page]

THUMB = Intent("bicycle", "wheel", "up")


def tuned(folder, extra=""):
    tuner = open_tuner(small_spec(folder, extra=extra), history=folder / "h.sqlite")
    node = tuner.fine_tune(tuner.root(), [THUMB])
    tuner.history.set_head(tuner.root_id, node.id, "fine-tune")
    return tuner


@pytest.mark.parametrize(
    ("level", "word"), [(0.95, "95 %"), (0.8, "80 %"), (0.995, "99.5 %"), (0.57, "57 %")]
)
def test_a_level_is_written_in_per_cent(level, word):
    assert confidence_word(level) == word


def test_an_interval_is_named_by_its_level():
    assert interval_word(0.9) == "90 % interval"


def test_a_level_leaves_equal_tails():
    assert tails(0.8) == pytest.approx((0.1, 0.9))


@pytest.fixture
def drawn_change() -> Change:
    return Change(0.1, np.random.default_rng(0).normal(0.1, 0.02, 400))


def test_limits_within_the_draws_are_their_quantiles(drawn_change):
    assert drawn_change.gain(0.99).low == pytest.approx(np.quantile(drawn_change.draws, 0.005))


def test_limits_beyond_the_draws_are_those_of_a_normal_distribution(drawn_change):
    found = drawn_change.gain(0.999)
    limits = stats.norm.interval(0.999, 0.1, drawn_change.draws.std(ddof=1))
    assert [found.low, found.high] == pytest.approx(limits)


MEASURED = ("ap", "accuracy", "brier")


@pytest.fixture(scope="module")
def leveled(tmp_path_factory):
    """Tuners with intervals at the usual level, and at 80 %."""
    levels = ("", "views: {confidence: 0.8}\n")
    return [tuned(tmp_path_factory.mktemp("level"), extra) for extra in levels]


@pytest.fixture(scope="module")
def rows_of_levels(leveled):
    """The metrics of bicycle at both levels."""
    return [metrics(t, t.head(), "tune", keys=MEASURED).loc["bicycle"] for t in leveled]


def test_the_level_changes_no_iteration(leveled):
    wide, narrow = (tuner.head() for tuner in leveled)
    assert wide.id == narrow.id
    assert wide.weights_hash == narrow.weights_hash


@pytest.mark.parametrize("metric", MEASURED)
def test_the_level_changes_no_estimate(rows_of_levels, metric):
    wide, narrow = (interval_of(row, metric) for row in rows_of_levels)
    assert wide.estimate == narrow.estimate


@pytest.mark.parametrize("metric", MEASURED)
def test_an_interval_of_a_lower_level_is_narrower(rows_of_levels, metric):
    wide, narrow = (interval_of(row, metric) for row in rows_of_levels)
    assert wide.low <= narrow.low <= narrow.high <= wide.high
    assert narrow.high - narrow.low < wide.high - wide.low


def test_limits_of_accuracy_are_those_of_scipy_at_the_level(leveled, rows_of_levels):
    _, narrow = leveled
    student = narrow.at(narrow.head(), "tune")["bicycle"]
    known = student.labels >= 0
    label, decided = student.labels[known], student.logits[known] > 0
    right = stats.binomtest(int((label == decided).sum()), len(label))
    limits = tuple(right.proportion_ci(0.8, method="wilson"))
    assert rows_of_levels[1][["accuracy_low", "accuracy_high"]].tolist() == pytest.approx(limits)


#: ``[low, high]``, ``95 %``, and what is said of an interval.
LIMITS = re.compile(r"\[[+−-]?\d[\d.]*, |95 %|noise|interval")


def texts(told: Any) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict | list | tuple):
        for item in told.values() if isinstance(told, dict) else told:
            yield from texts(item)


def limits_in(told: Any) -> list[str]:
    return [text for text in texts(told) if LIMITS.search(text)]


@pytest.fixture(scope="module")
def apps(tmp_path_factory) -> dict[bool, AppState]:
    """Sessions whose views show intervals, and none, with a thumb that is pending."""
    made = {}
    for shown in (True, False):
        extra = "" if shown else "views: {intervals: false}\n"
        app = AppState(tuned(tmp_path_factory.mktemp("shown"), extra), Jobs(inline=True))
        app.selection.class_name = "bicycle"
        app.tuning.toggle(Intent("bicycle", "sky", "down"))
        made[shown] = app
    return made


@pytest.fixture(scope="module")
def knowledge(apps) -> dict[bool, KnowledgeView]:
    """Student knowledge with its panels open."""
    views = {shown: KnowledgeView(app) for shown, app in apps.items()}
    for view in views.values():
        view.panels.param.update(measured=True, repairing=True, explained=True)
        view.thresholds.ask(None)
        view.batch.show()
    return views


@pytest.fixture(scope="module")
def detail(apps) -> dict[bool, DetailView]:
    """Details of the concept wheel."""
    views = {shown: DetailView(app) for shown, app in apps.items()}
    for app in apps.values():
        app.selection.open_concept("wheel")
    return views


either = pytest.mark.parametrize("shown", [True, False], ids=["with intervals", "without"])


@either
def test_limits_in_student_knowledge(knowledge, shown):
    view = knowledge[shown]
    parts = (view.table, view.bar, view.panels)
    found = limits_in([part.param.values() for part in parts])
    assert bool(found) is shown, found


@either
def test_limits_of_effects_of_thumbs(knowledge, shown):
    assert all(bool(effect["low"]) is shown for effect in knowledge[shown].table.effects.values())


def test_the_preview_is_told_alike_without_intervals(knowledge):
    with_, without = (view.bar.summary["preview"]["text"] for view in knowledge.values())
    assert with_ == without


def test_effects_of_thumbs_are_told_alike_without_intervals(knowledge):
    with_, without = (view.table.effects["wheel"]["change"] for view in knowledge.values())
    assert with_ == without


def test_without_intervals_the_table_of_metrics_has_no_column_of_them(knowledge):
    with_, without = (view.panels.measures["heads"] for view in knowledge.values())
    assert without == [head for head in with_ if head != "95 %"]


@either
def test_bands_of_curves(detail, shown):
    assert bool(detail[shown].panel.bands) is shown


@either
def test_the_level_beside_curves(detail, shown):
    assert bool(detail[shown].panel.confidence) is shown


@either
def test_limits_of_refits_on_a_curve(apps, detail, shown):
    apps[shown].refit_what_if.solve("bicycle", "wheel")
    changes = apps[shown].refit_what_if.points[0].changes
    assert math.isnan(changes["f1"].low) is not shown


@either
def test_limits_in_rows_of_classes(apps, shown):
    rows = PerformanceView(apps[shown])
    rows._find_changes("bicycle")
    assert bool(limits_in(rows.table.param.values())) is shown


@either
def test_limits_in_a_comparison(apps, shown):
    app = apps[shown]
    app.comparison.compare(app.tuner.root_id, app.students.node.id)
    assert bool(limits_in(make_comparison(app, "bicycle"))) is shown


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Students of the same store, tuned alike, with intervals of 40 draws and of 200."""
    found = {}
    for draws, extra in ((40, "views: {draws: 40}\n"), (200, "")):
        spec = small_spec(tmp_path_factory.mktemp("draws"), extra=extra)
        found[draws] = open_students(spec).fit().tune([("bicycle", "wheel", "up")])
    return found


TABLES = {
    "metrics": lambda s: s.metrics(intervals=True),
    "changes": lambda s: s.changes(),
    "groups": lambda s: s.groups("tv monitor"),
    "slices": lambda s: s.slices("tv monitor", metric="brier", min_images=5),
    "thresholds": lambda s: s.thresholds(),
    "coverage": lambda s: s.coverage("bicycle"),
    "penalty_path": lambda s: s.penalty_path("bird"),
    "what_if": lambda s: s.what_if("bicycle", "wheel"),
    "shift": lambda s: s.doctor(["bird"])["classes"],
}


def limits(frame):
    ends = [name for name in frame if name.endswith(("low", "high")) and "lost" not in name]
    return frame[ends].to_numpy(dtype=float).ravel()


@pytest.mark.parametrize("name", TABLES)
def test_tables_draw_as_often_as_the_spec_says(name, students):
    few, usual = (limits(TABLES[name](students[draws])) for draws in (40, 200))
    assert not np.array_equal(few, usual, equal_nan=True)
    assert students[40].tuner.spec.views.draws == 40


@pytest.mark.parametrize("more", [[], ["--draws=40"]])
def test_limits_follow_from_scikit_learns_values(students, run, more):
    student = students[40].student("bird", "tune")
    known = student.labels >= 0
    label, logit = student.labels[known], student.logits[known]
    draws = draw_counts(len(label), 40, 0)
    values = [average_precision_score(label, logit, sample_weight=row) for row in draws]
    found = students[40].metrics(intervals=True).loc["bird"]
    m = label.sum()
    scaled = [np.log((m * a + 0.5) / (m * (1 - a) + 0.5)) for a in values]
    reach = stats.t(m - 1).ppf(0.975) * np.sqrt(m / (m - 1)) * np.std(scaled)
    ap = average_precision_score(label, logit)
    ends = np.log((m * ap + 0.5) / (m * (1 - ap) + 0.5)) + reach * np.array([-1, 1])
    expected = pytest.approx(((m + 1) / (1 + np.exp(-ends)) - 0.5) / m)
    assert [found["ap_low"], found["ap_high"]] == expected
    status, said, _ = run("metrics", students[40].tuner.spec.path, "--json", *more)
    classes = json.loads(said)["classes"]
    (row,) = (row for row in classes["rows"] if row["class"] == "bird")
    assert (status, classes["draws"]) == (0, 40)
    assert [row["ap_low"], row["ap_high"]] == expected


def test_draws_too_few_for_the_level_or_too_many_are_refused(tmp_path, run, capsys):
    spec = small_spec(tmp_path, extra="views: {confidence: 0.999, draws: 2000}\n")
    for command, *more in (["metrics"], ["compare"], ["stability", "--class", "bicycle"]):
        status, _, said = run(command, *more, spec, "--draws", 20)
        assert status == 1
        assert "20 draws are too few: intervals at 99.9 % need at least 2,000." in said
        with pytest.raises(SystemExit):
            run(command, *more, spec, "--draws", 10_001)
        assert "expected a whole number, 1 to 10,000, got '10001'" in capsys.readouterr().err
    students = open_students(spec)
    with pytest.raises(TuningError, match="need at least 2,000"):
        students.coverage("bicycle", draws=1999)
    with pytest.raises(TuningError, match=r"10,001 draws are too many\.\nRequest at most 10,000"):
        students.coverage("bicycle", draws=10_001)
    with pytest.raises(TuningError, match="draws are too many"):
        stability(students.tuner, "bicycle", draws=10_001)
    assert set(students.coverage("bicycle")["level"]) == {0.999}


@pytest.mark.parametrize(("extra", "draws"), [("", 100), ("views: {confidence: 0.99}\n", 200)])
def test_refits_are_as_many_as_their_limits_need(tmp_path, extra, draws):
    tuner = open_students(small_spec(tmp_path, extra=extra)).tuner
    assert stability(tuner, "bicycle", top=1).attrs["facts"]["draws"] == draws

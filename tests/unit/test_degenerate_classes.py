"""Classes of which there is nothing to learn: each door gives an answer, or says what is lacking.

A table of classes (the teacher's logits, labels, scores or splits of *odd*) by doors.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.errors import InficondError
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.performance.view import make_performance_rows

pytestmark = pytest.mark.page

PHOTOS = 160
CLASSES = ["odd", "bird"]


class Made:
    """Photos of a bird, and of *odd*, which half of them show and the concept *a* tells."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.split = np.array(["fit", "fit", "tune", "holdout"])[np.arange(PHOTOS) % 4]
        self.scores = rng.random((PHOTOS, 6))
        self.label = (self.scores[:, :2] > 0.5).astype(float)
        self.noise = rng.normal(size=PHOTOS)
        self.logits = 6 * self.label - 3 + rng.normal(size=(PHOTOS, 2))

    def store(self, **options: Any) -> TunableStudents:
        ids = [f"{place:03d}.jpg" for place in range(PHOTOS)]
        return inficond_panel.from_frames(
            pd.DataFrame(self.scores, ids, list("abcdef")),
            pd.DataFrame(self.logits, ids, CLASSES),
            pd.DataFrame(self.label, ids, CLASSES),
            split=pd.Series(self.split, ids),
            **options,
        )


def logits(change: Callable[[Made], Any]) -> Callable[[Made], None]:
    """The teacher's logits of odd are these."""
    return lambda made: made.logits.__setitem__((slice(None), 0), change(made))


def label(value: float) -> Callable[[Made], None]:
    """All labels of odd are this."""
    return lambda made: made.label.__setitem__((slice(None), 0), value)


def one_photo(made: Made) -> None:
    made.label[:, 0] = np.arange(PHOTOS) == 0
    made.logits[:, 0] = 6 * made.label[:, 0] - 3


def one_of(split: str) -> Callable[[Made], None]:
    """The split has one photo; the others are in another split."""

    def change(made: Made) -> None:
        rows = np.flatnonzero(made.split == split)[1:]
        made.split[rows] = "tune" if split == "fit" else "fit"

    return change


#: Degenerate classes, by what is so about them.
DEGENERATE: dict[str, Callable[[Made], None]] = {
    "all positives": label(1.0),
    "no positives": label(0.0),
    "no known label": label(np.nan),
    "one photo of the class": one_photo,
    "constant scores": lambda made: made.scores.fill(0.3),
    "constant logits": logits(lambda made: 1.5),
    "logits 0": logits(lambda made: 0.0),
    "logits near -30": logits(lambda made: made.noise - 30),
    "logits near 30": logits(lambda made: made.noise + 30),
    "logits -30 or 30": logits(lambda made: 60 * made.label[:, 0] - 30),
    "logits -1000 or 1000": logits(lambda made: 2000 * made.label[:, 0] - 1000),
    "one photo of fit": one_of("fit"),
    "one photo of tune": one_of("tune"),
    "one photo of the holdout": one_of("holdout"),
}
#: Those whose student has an intercept alone.
FLAT = ["constant scores", "constant logits", "logits 0", "logits near -30", "logits near 30"]


@cache
def students_of(name: str) -> TunableStudents:
    made = Made()
    DEGENERATE[name](made)
    return made.store().fit()


def page(students: TunableStudents) -> Any:
    """What the page shows of the class: a row of performance, and the student."""
    app = AppState(students.tuner, Jobs(inline=True))
    view = KnowledgeView(app)
    app.selection.class_name = "odd"
    assert view.panels.finding["sentence"]
    return make_performance_rows(app.students.snapshot)


DOORS: dict[str, Callable[[TunableStudents], Any]] = {
    "metrics": lambda students: students.metrics("tune", intervals=True),
    "metrics of the holdout": lambda students: students.metrics("holdout"),
    "doctor": lambda students: students.doctor(),
    "suggest": lambda students: students.suggest(classes=["odd"]),
    "what-if": lambda students: students.what_if("odd", "a"),
    "thumb": lambda students: students.tune([("odd", "a", "up")]),
    "removal": lambda students: students.tune([("odd", "a", "remove")]),
    "page": page,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", DEGENERATE)
def test_each_door_has_an_answer(name, door):
    students = students_of(name).jump(0)
    assert DOORS[door](students) is not None


@pytest.mark.parametrize("name", DEGENERATE)
def test_students_are_exported(name, tmp_path):
    files = students_of(name).jump(0).export(tmp_path / "out", ["npz", "onnx"])
    assert all(path.exists() for path in files.values())


@pytest.mark.parametrize("name", DEGENERATE)
def test_the_exact_student_is_proved_to_be_the_optimum(name):
    assert max(students_of(name).jump(0).node.gap) <= 1e-6


@pytest.mark.parametrize("name", FLAT)
def test_the_doctor_says_that_the_student_has_no_concept(name):
    found = students_of(name).jump(0).doctor(["odd"])["findings"]
    said = found.loc[found["kind"] == "a student without concepts", "finding"]
    assert said.loc["odd"].startswith("No concept has an influence on odd: its student gives every")


def test_the_doctor_has_the_range_of_the_teachers_logits():
    found = students_of("constant logits").jump(0).doctor(["odd"])["findings"]
    said = found.loc[found["kind"] == "a student without concepts", "finding"]
    assert said.loc["odd"].endswith("The teacher's are from 1.5 to 1.5 on training rows.")


def test_of_a_student_with_concepts_the_doctor_says_no_such_thing():
    found = Made().store().fit().doctor()["findings"]
    assert "a student without concepts" not in set(found["kind"])


@pytest.mark.parametrize("name", FLAT[1:])
def test_the_intercept_is_the_log_odds_of_the_mean_target(name):
    made = Made()
    DEGENERATE[name](made)
    z = made.logits[made.split == "fit", 0]
    expected = np.log(np.mean(1 / (1 + np.exp(-z)))) - np.log(np.mean(1 / (1 + np.exp(z))))
    assert students_of(name).jump(0).node.intercepts[0] == pytest.approx(
        expected, rel=1e-5, abs=1e-6
    )


@pytest.mark.parametrize("value", [-1000.0, 1000.0])
def test_a_teacher_that_is_certain_on_every_image_is_named(value):
    made = Made()
    made.logits[:, 0] = value
    with pytest.raises(InficondError, match="is certain of 'odd' on every image"):
        made.store().fit()


@pytest.mark.parametrize("name", DEGENERATE)
def test_the_papers_recipe_has_a_student(name, tmp_path):
    made = Made()
    DEGENERATE[name](made)
    made.store(path=tmp_path / "own.zarr")
    spec = tmp_path / "own.yaml"
    spec.write_text(
        "title: Own\nstore: own.zarr\nstudents: {solver: paper, lambda: 1e-3, epochs: 1}\n"
    )
    students = inficond_panel.open_students(spec, history=":memory:").fit()
    assert np.isfinite(students.node.weights).all()


def single(name: str, **settings: Any) -> TunableStudents:
    """Students of one class per image, whose logits of odd are degenerate."""
    made = Made()
    DEGENERATE[name](made)
    made.label[:, 0] = 1 - made.label[:, 1]
    given = made.store(task="single_label", activation="softmax")
    return (given.with_settings(**settings) if settings else given).fit()


SINGLE = [name for name in DEGENERATE if name.startswith(("logits", "one photo of", "constant"))]


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
@pytest.mark.parametrize("name", SINGLE)
def test_with_one_class_per_image_a_student_is_measured(name, link):
    students = single(name, link=link) if link == "softmax" else single(name)
    assert set(students.metrics("tune").index) == set(CLASSES)

"""A kind of repair is one class with its effect: listed among the kinds, it works at every door."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from spread_shortcut import shifted_frames

from inficond_panel import from_frames
from inficond_panel.api.arguments import as_asked
from inficond_panel.tuning import edits_file, read_edits
from inficond_panel.tuning.edits import edit_from_json
from inficond_panel.tuning.fitting.effect import Effect
from inficond_panel.tuning.repairs import kinds
from inficond_panel.tuning.repairs.penalty import OfPenalty
from inficond_panel.tuning.replay import replay_into
from inficond_panel.vocabulary.intents import RepairKind
from inficond_panel.wording.repairs import edit_words, terms_words

KIND = RepairKind("ridge", "R", "Ridge")


class Ridge(OfPenalty):
    """Another L2 penalty for one class."""

    kind = KIND
    form = "{class, direction: ridge, value: number}"
    needs_labels = False
    plain_words = "Ridge"

    def candidates(self, evidence, terms, *, able):
        return [terms.having(OwnRidge(self.value))]


@dataclass(frozen=True)
class OwnRidge(Effect):
    key: ClassVar[str] = "ridge"
    kind: ClassVar[str] = KIND.key
    value: float

    def on_penalties(self, penalties, k, concepts):
        l2 = penalties.l2.copy()
        l2[k] = self.value
        return type(penalties)(penalties.lambda_, penalties.unit, l2)

    def to_json(self):
        return self.value

    @classmethod
    def from_json(cls, item, photos):
        return cls(float(item))

    @property
    def words(self):
        return f"L2 penalty {self.value:g}"


@pytest.fixture(autouse=True)
def _listed(monkeypatch):
    """What two lines in ``kinds`` would do, for tables that are made when a module is imported."""
    monkeypatch.setitem(kinds.KINDS, Ridge, OwnRidge)
    monkeypatch.setitem(kinds.REPAIRS, KIND.key, Ridge)
    monkeypatch.setitem(kinds._EFFECTS, OwnRidge.key, OwnRidge)
    monkeypatch.setitem(edits_file._ALL_DIRECTIONS, KIND.key, Ridge)


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    path = tmp_path_factory.mktemp("ridge") / "own.zarr"
    return from_frames(**shifted_frames(400, fit=200, seed=1), path=path).fit().tuner


@pytest.fixture
def node(tuner):
    return tuner.fine_tune(tuner.root(), [Ridge("truck", 0.5)])


def test_it_is_read_from_an_edits_file(tuner, tmp_path):
    file = tmp_path / "edits.yaml"
    file.write_text("- - {class: truck, direction: ridge, value: 0.5}\n")
    assert read_edits(file, tuner.store) == [[Ridge("truck", 0.5)]]


def test_it_is_read_from_what_it_wrote():
    assert edit_from_json(Ridge("truck", 0.5).to_json()) == Ridge("truck", 0.5)


def test_a_script_may_give_it_as_a_mapping(tuner):
    given = {"class": "truck", "direction": "ridge", "value": 0.5}
    assert as_asked(given, tuner.store.classes) == [Ridge("truck", 0.5)]


def test_the_student_is_fitted_under_it(tuner, node):
    weights, root = node.weights[:, 0], tuner.root().weights[:, 0]
    assert np.linalg.norm(weights) < np.linalg.norm(root) / 2


def test_it_stays_in_force_under_later_edits(tuner, node):
    later = tuner.fine_tune(node, as_asked(("truck", "wheel", "up"), tuner.store.classes))
    assert tuner.terms(later)["truck"].get(OwnRidge) == OwnRidge(0.5)


def test_a_replay_makes_the_same_student(tuner, node, tmp_path):
    _, pairs = replay_into(tuner, tmp_path / "again.history.sqlite")
    assert {old.id: new.weights_hash for old, new in pairs}[node.id] == node.weights_hash


def test_the_edit_has_words():
    assert edit_words(Ridge("truck", 0.5)) == "ridge 0.5"


def test_its_effect_has_words(tuner, node):
    assert terms_words(tuner.terms(node)["truck"]) == ["L2 penalty 0.5"]

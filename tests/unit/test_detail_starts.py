"""Concepts to begin with, where the detail has none open."""

import numpy as np

from inficond_panel.distill import Interval
from inficond_panel.distill.suspects import Presence, Verdict
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.views.detail.charts import CONCEPTS, make_starts
from inficond_panel.views.detail.view import DetailView


def suspect(concept: str) -> Suspect:
    there = Presence(threshold=0.5, fit=(0.9, 0.1), tune=(0.4, 0.1))
    return Suspect(concept, 1.0, 3.0, 0.01, 0.5, 1.0, 0.2, 1.0, 0.1, (), there)


def shift(name: str, lost: float, *concepts: str, kind: str = "shift") -> ClassShift:
    change = Interval(lost, lost, lost)
    verdict = Verdict(5.0, 0.9, change, change)
    return ClassShift(name, kind, verdict=verdict, suspects=tuple(map(suspect, concepts)))


FOUND = {
    "cat": shift("cat", 0.1, "sofa"),
    "dog": shift("dog", 0.3, "ball", "grass"),
    "cow": shift("cow", 0.4, "field", kind="none"),
    "bus": shift("bus", 0.5),
}


def test_of_a_class_its_suspects_and_where_it_has_none_the_strongest():
    starts = make_starts(FOUND["dog"], {("dog", "wheel"): 2.0})
    assert [each["concept"] for each in starts] == ["ball", "grass"]
    told = "In 90 % of the training images with dog, 40 % of the tuning ones."
    assert starts[0]["reason"] == told
    starts = make_starts(FOUND["bus"], {("bus", "wheel"): 2.0, ("bus", "road"): -1.5})
    reasons = {each["concept"]: each["reason"] for each in starts}
    assert reasons == {"wheel": "influence +2.00", "road": "influence −1.50"}
    assert {each["class_name"] for each in starts} == {"bus"}


def test_the_view_offers_them_while_nothing_is_open_and_one_opens(app):
    view = DetailView(app)
    name = app.store.classes[1]
    app.selection.class_name = name
    assert view.panel.starts == []  # they come with the suspects
    app.shifts.start()
    app.shifts.by_class = {**app.shifts.by_class, name: shift(name, 0.1, kind="none")}
    weights = app.students.student(name).weights
    strongest = [app.store.concepts[at] for at in np.argsort(-np.abs(weights))[:CONCEPTS]]
    offered = [each["concept"] for each in view.panel.starts]
    assert offered == strongest[: np.count_nonzero(weights)]
    view.act({"action": "open", "class_name": name, "concept": offered[0]})
    assert (app.selection.class_name, app.selection.concept) == (name, offered[0])
    assert view.panel.starts == []


def test_a_class_left_takes_its_concepts_along_and_a_concept_offers_classes_it_counts_in(app):
    detail, name = DetailView(app), app.store.classes[0]
    app.selection.class_name = name
    app.shifts.by_class = {name: shift(name, 0.2, "spoke")}
    assert [each["concept"] for each in detail.panel.starts] == ["spoke"]
    app.selection.class_name = ""
    assert detail.panel.starts == []  # the other classes are not known yet
    app.selection.open_concept("wheel")
    weights = app.students.node.weights[app.store.concepts.index("wheel")]
    best = app.store.classes[int(np.abs(weights).argmax())]
    assert detail.panel.starts[0]["class_name"] == best
    detail.act({"action": "open", "class_name": best, "concept": "wheel"})
    assert (app.selection.class_name, detail.panel.starts) == (best, [])

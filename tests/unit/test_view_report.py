"""The report on a refit and one image taken apart, as the page tells them."""

import json
import math
from dataclasses import replace

import numpy as np
from factory import twins_spec
from sessions import session_on

from inficond_panel.distill.solver.penalty import Price
from inficond_panel.results import refit_words as words
from inficond_panel.results.bound_prices import Bound
from inficond_panel.results.local_explanation import Apart, Edit, Part
from inficond_panel.results.refit_report import explain
from inficond_panel.state import AppState
from inficond_panel.tuning import Intent
from inficond_panel.views.detail.images import SHOWN, make_apart
from inficond_panel.views.knowledge.batch import make_group_offer
from inficond_panel.views.knowledge.refit_report import make_bound, make_report


def report_of(app: AppState, concept: str, direction: str):
    app.tuning.toggle(Intent("bicycle", concept, direction))
    app.tuning.fine_tune()
    return explain(app.tuner, app.students.node).of("bicycle")


def test_a_report_tells_bounds_who_took_over_and_images(app):
    report = report_of(app, "wheel", "down")
    flips = next(len(churn.flips) for churn in report.churn if churn.split == "tune")
    line = words.headline(report, "tune")
    assert line.startswith("1 active bound · ")
    assert line.endswith(f"{flips} prediction{'' if flips == 1 else 's'} changed")
    successor = report.moves.successor
    assert (f"{successor.concept} took over" if successor else "no concept took over") in line
    assert "prediction" not in words.headline(report, "holdout")

    page = make_report(report, 1, 1, "tune")
    json.dumps(page, allow_nan=False)
    (bound,) = page["bounds"]
    assert (bound["concept"], bound["since"], bound["binds"]) == ("wheel", "#1", True)
    assert bound["bound"].startswith("≤ ")
    assert "the influence would go up" in bound["text"]
    assert bound["price"].startswith("each 0.1 of the bound costs ")
    rows = page["moved"]["rows"]
    assert (rows[0]["concept"], rows[0]["change"][0]) == ("wheel", "−")
    assert rows[0]["tuned"]
    assert max(abs(row["share"]) for row in rows) == 1
    assert page["certificate"].startswith("Proved: ")
    assert len(page["images"]) == 2
    assert page["later"] == ""
    later = make_report(report, 1, 4, "tune")["later"]
    assert later == "The last that tuned it; #4 left it as it was."


def test_a_bound_at_zero_is_priced_on_each_side_and_a_fixed_one_on_one():
    price = Price(left=0.03, right=0.05, gain=0.03, cost=0.05, error=0.0)
    looser = "0.1 looser: training loss 0.0030 nats lower"
    page = make_bound(Bound("wheel", 0.0, None, 2, 0.0, price))
    assert page["price"] == f"{looser}, 0.1 tighter: 0.0050 nats higher"
    fixed = Bound("wheel", 0.0, 0.0, 2, 0.0, replace(price, cost=math.nan))
    assert make_bound(fixed)["price"] == looser
    free = make_bound(Bound("wheel", None, 1.0, 2, 0.4, Price(0.0, 0.0, 0.0, 0.0, 0.0)))
    assert (free["text"], free["price"]) == ("is not active: the influence is 0.4", "")


def test_a_group_of_collinear_concepts_can_be_thumbed_as_its_member_was_until_all_are(tmp_path):
    app = session_on(twins_spec(tmp_path))
    everyone = {"wheel", "spoke", "wheel 2"}
    group, store = app.students.group("bicycle", "wheel"), app.store
    assert group.members[0].concept == "wheel"
    near = [member.correlation for member in group.members]
    assert near == sorted(near, reverse=True)
    correlation = np.corrcoef(store.concept_score[store.rows("fit")].T) - np.eye(30)
    alone = store.concepts[int(np.argmin(correlation.max(axis=1)))]
    assert app.students.group("bicycle", alone) is None
    offer = make_group_offer(group, ["wheel"], "down")
    assert {member["concept"] for member in offer["members"]} == {"spoke", "wheel 2"}
    assert set(offer["concepts"]) == everyone
    assert make_group_offer(group, list(group.twins), "down") is None
    assert make_group_offer(None, ["wheel"], "down") is None
    (told,) = make_report(report_of(app, "wheel", "remove"), 1, 1, "tune")["groups"]
    assert told["text"].startswith("wheel is correlated with ")
    assert "spoke (correlation " in told["text"]
    assert (told["direction"], set(told["concepts"])) == ("remove", everyone)


def test_numbers_have_digits_that_say_something():
    nats = [words._nats(value) for value in (0.0031, 0.14, 0.0, 3e-9)]
    assert nats == ["0.0031 nats", "0.14 nats", "0 nats", "3·10⁻⁹ nats"]
    assert [words._percent(0.0), words._percent(1e-6)] == ["0.00 %", "< 0.01 %"]
    assert [words.power_text(8.2e-7), words.power_text(1.2e-8)] == ["8·10⁻⁷", "10⁻⁸"]
    assert [words.seconds_text(0.04), words.seconds_text(3.21)] == ["< 0.1 s", "3.2 s"]
    assert words.taken_over_sentence(math.nan) == "The tuned concepts did not move."
    assert "offset 59 %" in words.taken_over_sentence(0.59)
    assert "add 20 %" in words.taken_over_sentence(-0.2)


# --- one image ---------------------------------------------------------------------------------
def apart(**values) -> Apart:
    parts = tuple(Part(f"c{i}", 0.5, 2.0 - i, 1.0 - i / 2) for i in (9, 8, 7, 6, 5, 0, 4, 1, 3))
    more = (Part("d", 0.1, 1.0, 0.1), Part("e", 0.1, 0.5, 0.05), Part("f", 0.1, -0.2, -0.02))
    edit = Edit("wheel", 0.5, 0.75, True, 3)
    fields = {"row": 7, "class_name": "bicycle", "parts": parts + more, "intercept": -0.5}
    numbers = {"logit": -0.25, "cutoff": 0.0, "present": False, "teacher": 1.0, "label": 1}
    return Apart(**{**fields, **numbers, "edit": edit, "used": edit, **values})


def test_bars_are_the_largest_parts_the_rest_and_the_intercept_beside_the_smallest_flip():
    page = make_apart(apart())
    json.dumps(page, allow_nan=False)
    names = [bar["name"] for bar in page["bars"]]
    assert len(names) == SHOWN + 2
    assert names[-2:] == ["2 others", "Without concepts"]
    assert page["bars"][-2]["value"] == "+0.03"
    assert max(abs(bar["share"]) for bar in page["bars"]) == 1
    assert page["decision"] == "absent: its logit is not above the threshold 0.00"
    none = make_apart(apart(parts=(), edit=None, used=None))
    assert none["flip"] == ["No concept shows in this image: no influence can change the decision."]
    assert [bar["name"] for bar in none["bars"]] == ["Without concepts"]
    (flip,) = make_apart(apart())["flip"]
    assert flip == (
        "Smallest change: wheel above +0.75 (now +0.50) makes it present; "
        "3 other images would change too."
    )
    other = Edit("spoke", 0.5, -0.25, False, 1)
    assert make_apart(apart(used=other))["flip"][1] == (
        "Among those with influence: spoke to at most −0.25 (now +0.50) makes it absent; "
        "1 other image would change too."
    )

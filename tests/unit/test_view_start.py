"""Start view: cards of students that rely on the wrong thing, repairs, the matrix, concepts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factory import small_spec, twin_arrays
from sessions import session_on
from spread_shortcut import shifted_frames
from viewing import ask

import inficond_panel
from inficond_panel.common.interval import Interval
from inficond_panel.distill.suspects import Presence, Verdict
from inficond_panel.plots.concept_matrix import Cells
from inficond_panel.results.begin import in_order
from inficond_panel.results.image_sets import shared_image_set
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.tuning.label_noise import DoubtedLabels
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.tuning.suggest import suggest
from inficond_panel.views.detail.charts import CONCEPTS, make_starts
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.matrix.view import NAMED, MatrixView, make_heads, make_table, make_words
from inficond_panel.views.page.page import AllStudents, make_views
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.start import examples
from inficond_panel.views.start import view as start
from inficond_panel.views.start.cards import make_behind, make_cards, make_offers
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.shift_kinds import LOST, NOISE
from inficond_panel.wording.shift_kinds import MODEST
from inficond_panel.wording.suspects import BY_SCORE, looking_words, relying_sentence

pytestmark = pytest.mark.page


def shift(name: str, lost: float, *concepts: str, kind: str = "shift") -> ClassShift:
    verdict = Verdict(5.0, 0.9, *[Interval(lost, lost, lost)] * 2)
    facts = (
        1.0,
        3.0,
        0.01,
        0.5,
        1.0,
        0.2,
        1.0,
        0.1,
        (),
        Presence(0.5, (0.9, 0.1), (0.4, 0.1), (50, 50)),
    )
    suspects = tuple(Suspect(concept, *facts) for concept in concepts)
    return ClassShift(name, kind, verdict=verdict, suspects=suspects)


FOUND = {
    "cat": shift("cat", 0.1, "sofa"),
    "dog": shift("dog", 0.3, "ball", "grass"),
    "cow": shift("cow", 0.4, "field", kind="none"),
    "bus": shift("bus", 0.5),
}


def lost_alone(name: str) -> Differences:
    """Differences of a class by nothing but a lost correlation."""
    return Differences(name, (50, 20), (200, 90), (LOST,), (), 0.0)


LOST_ALONE = {name: lost_alone(name) for name in FOUND}


# --- sentences and cards -----------------------------------------------------------------------
@pytest.mark.parametrize("by_bounds", [False, True])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_card_removes_what_has_an_influence_or_what_targets_are_cleared_of(weight, by_bounds):
    suspects = [replace(FOUND["dog"].suspects[0], weight=weight), *FOUND["dog"].suspects[1:]]
    dog = replace(FOUND["dog"], suspects=tuple(suspects), by_bounds=by_bounds)
    made = make_cards({**FOUND, "dog": dog}, ["dog", "cat"], found=LOST_ALONE)
    shown = [(card["class_name"], card["concept"], card["removable"]) for card in made]
    assert shown == [("dog", "ball", weight > 0 or not by_bounds), ("cat", "sofa", True)]


@pytest.mark.parametrize("found", [{}, {"cat": replace(LOST_ALONE["cat"], perhaps=(NOISE,))}])
def test_a_card_removes_nothing_before_it_is_known_that_nothing_else_explains_it(found):
    (card,) = make_cards(FOUND, ["cat"], found=found)
    assert not card["removable"]


def test_a_card_says_in_one_sentence_how_often_the_concept_is_there():
    (card,) = make_cards(FOUND, ["cat"])
    said = (
        "cat relies on sofa: it is in 90 % of the cat photos it learned from, but in 40 % of "
        "the other cat photos."
    )
    assert card["sentence"] == said


def test_a_card_of_a_loss_that_the_shares_do_not_tell_has_means_and_no_bars():
    equal = Presence(0.5, (0.5, 0.1), (0.5, 0.1), (50, 50))
    of_cat = tuple(replace(each, presence=equal) for each in FOUND["cat"].suspects)
    (card,) = make_cards({"cat": replace(FOUND["cat"], suspects=of_cat)}, ["cat"])
    assert card["bars"] == {}
    assert card["sentence"] == (
        "With cat its mean score is 1.00 standard deviations higher than without in training "
        "images, but 0.10 higher in tuning images."
    )


def test_the_bars_of_a_card_are_the_shares_of_the_classs_images():
    (card,) = make_cards(FOUND, ["cat"])
    assert card["bars"]["rows"] == [["learned from", 0.9], ["on screen", 0.4]]


@pytest.mark.parametrize(("tune", "advice"), [(0.75, MODEST), (0.65, "")])
def test_a_card_of_a_modest_difference_says_when_to_remove(tune, advice):
    apart = Presence(0.5, (0.9, 0.1), (tune, 0.1), (500, 500))
    of_cat = tuple(replace(each, presence=apart) for each in FOUND["cat"].suspects)
    (card,) = make_cards({"cat": replace(FOUND["cat"], suspects=of_cat)}, ["cat"])
    assert card["advice"] == advice


@pytest.fixture
def gaps(app) -> dict:
    """Metrics of classes with these AP gaps to the teacher, and positives."""
    one = next(iter(app.students.snapshot.metrics.values()))
    known = {"near": (0.1, 99), "far": (0.3, 99), "ahead": (-0.1, 99), "few": (0.5, 1)}
    return {
        name: replace(one, teacher_ap=0.5, ap=0.5 - gap, positives=positives)
        for name, (gap, positives) in known.items()
    }


@pytest.mark.parametrize(
    ("relying", "asked", "gainless", "order"),
    [
        ([], [], [], ["far", "near", "ahead", "few"]),
        (["ahead", "near"], [], [], ["near", "ahead", "far", "few"]),
        (["ahead", "near"], [], ["near"], ["ahead", "near", "far", "few"]),
        ([], ["near"], [], ["near", "far", "ahead", "few"]),
        (["ahead", "near"], ["far"], ["near"], ["ahead", "far", "near", "few"]),
        (["few"], [], [], ["far", "near", "ahead", "few"]),
    ],
    ids=[
        "by the gap",
        "relying first",
        "of these without a gain last",
        "asked first",
        "asked between them",
        "few positives at the end",
    ],
)
def test_cards_have_the_order_of_the_list(gaps, relying, asked, gainless, order):
    assert in_order(gaps, relying, asked, gainless) == order


def test_a_class_ahead_of_its_teacher_has_no_card_of_its_gap(gaps):
    made = make_behind(gaps, [], in_order(gaps))
    assert [card["class_name"] for card in made] == ["far", "near"]


@pytest.mark.parametrize(
    ("known", "how", "said"),
    [
        (FOUND, {"wrong": 2, "shown": 2}, "2 of them may rely on the wrong thing:"),
        (FOUND, {"wrong": 9, "shown": 5}, "9 of them may rely on the wrong thing; the 5 that lose"),
        (FOUND, {"wrong": 1, "shown": 1}, "1 of them may rely on the wrong thing:"),
        (FOUND, {"wrong": 0, "shown": 0}, "None of them is seen to rely on the wrong thing."),
        ({"cat": FOUND["cat"]}, {"wrong": 0, "shown": 0}, "1 of 4 are checked so far."),
        ({}, {"wrong": 0, "shown": 0, "looked": False}, "Select a class to see what its student"),
    ],
    ids=["two", "more", "one", "none", "some checked", "none checked"],
)
def test_one_sentence_says_how_many_students_are_wrong(known, how, said):
    sentence = relying_sentence(known, 4, **how)
    assert sentence.startswith("A teacher decides which classes an image shows. 4 students imitate")
    assert said in sentence


@pytest.mark.parametrize(("classes", "words"), [(4, "they rely"), (1, "it relies")])
def test_nothing_is_clear_before_it_is_checked_what_all_images_share(classes, words):
    found = dict.fromkeys(list(FOUND)[:classes], FOUND["cow"])
    looking = looking_words(classes)
    sentence = relying_sentence(found, classes, wrong=0, shown=0, unchecked=looking)
    assert sentence.endswith(f"concepts. Looking at what {words} on …")


def test_a_group_in_which_the_teacher_is_worse_does_not_take_the_place_of_the_students():
    worse = ["In “camera: old” the teacher is right in 33 % of 98 images."]
    sentence = relying_sentence(FOUND, 4, wrong=1, shown=1, worse=worse)
    assert sentence.endswith(f"{worse[0]} 1 of the students may rely on the wrong thing:")


def test_labels_that_something_else_may_explain_are_told_after_those_that_are_likely_wrong():
    may, likely, of_tune = ("Training", False), ("Training", True), ("Tuning", True)
    unsure = {"cow": may, "dog": likely, "cat": may, "bus": of_tune}
    sentence = relying_sentence(FOUND, 4, wrong=0, shown=0, mislabelled=unsure)
    told = "Training labels of dog are likely wrong. Training labels of cow, cat may be wrong. "
    told += "Tuning labels of bus are likely wrong."
    assert f"{told} None of the students" in sentence


def test_classes_of_which_not_all_is_checked_are_said_to_be_unchecked():
    sentence = relying_sentence(FOUND, 4, wrong=0, shown=0, unshared=3)
    told = "None of them is seen to rely on the wrong thing; what all images share is not checked "
    assert sentence.endswith(f"{told}for 3 of them.")


def test_the_list_says_of_wrong_labels_what_the_card_says(app):
    (name, other), cards = app.store.classes[:2], StartView(app)
    labels = DoubtedLabels(*[np.zeros(0, int)] * 4, limits=((0.06, 0.09), (0.11, 0.2)), level=0.95)
    found = Differences(name, (50, 20), (200, 90), (NOISE,), (), 0.0, labels=labels)
    shifts = {each: shift(each, 0.0, kind="none") for each in app.store.classes}
    performance = PerformanceView(app)
    app.shifts.param.update(by_class=shifts, differences={name: found})
    (card,) = [card for card in cards.panel.cards if card.get("button")]
    assert performance.table.shifts[name]["words"] == f"{name}: {card['sentence']}"
    assert "does about as well" in performance.table.shifts[other]["words"]


def test_a_class_whose_first_finding_is_wrong_labels_has_a_card_that_opens_it(app):
    (name, other), view = app.store.classes[:2], StartView(app)
    labels = DoubtedLabels(*[np.zeros(0, int)] * 4, limits=((0.06, 0.09), (0.11, 0.2)), level=0.95)
    found = Differences(name, (50, 20), (200, 90), (NOISE,), (), 0.0, labels=labels)
    kinds = {name: found, other: replace(found, kinds=(LOST, NOISE))}
    shifts = {each: shift(each, 0.0, kind="none") for each in app.store.classes}
    app.shifts.param.update(by_class=shifts, differences=kinds)
    cards = [card for card in view.panel.cards if card.get("button")]
    assert [card["class_name"] for card in cards] == [name]
    assert f"6 to 9 % of the training images without {name} are labelled" in cards[0]["sentence"]
    assert f"Training labels of {name} are likely wrong." in view.panel.purpose
    ask(view, "look", class_name=name, concept="")
    assert app.selection.class_name == name


def test_the_sentence_names_classes_of_too_few_images():
    unsure = {name: shift(name, 0.0, kind="unknown") for name in ("cat", "dog")}
    sentence = relying_sentence(unsure, 2, wrong=0, shown=2)
    told = "s. For cat, dog there are too few images to say what they rely on. Begin with these:"
    assert sentence.endswith(told)


def test_the_sentence_counts_many_classes_of_too_few_images():
    many = {f"c{at}": shift(f"c{at}", 0.0, kind="unknown") for at in range(60)}
    told = "For 60 of them (c0, c1, c2, c3, c4, c5, …) there are too few images to say what they"
    assert told in relying_sentence(many, 60, wrong=0, shown=5)


def test_the_sentence_names_one_class_of_too_few_images():
    unsure = {"cat": shift("cat", 0.0, kind="unknown")}
    told = "concepts. For cat there are too few images to say what it relies on."
    assert relying_sentence(unsure, 1, wrong=0, shown=0).endswith(told)


@pytest.fixture
def twins(tmp_path) -> AppState:
    spec = small_spec(tmp_path, make=twin_arrays, extra="tuning: {refit: all, suggest: false}\n")
    return session_on(spec, history=":memory:")


def pictured_row(view: StartView, app: AppState, name: str) -> int:
    """Row of the picture on a class's card, which shows the class."""
    row = app.store.images.index(view.panel.photos[name][0]["image"])
    assert app.store.label[row, app.store.classes.index(name)] == 1
    return row


@pytest.fixture
def begun(twins) -> StartView:
    """The view where every class relies on wheel."""
    view = StartView(twins)
    twins.shifts.by_class = {name: shift(name, 0.1, "wheel") for name in twins.store.classes}
    twins.shifts.differences = {name: lost_alone(name) for name in twins.store.classes}
    return view


def test_cards_come_once_all_classes_are_known(twins):
    view, names = StartView(twins), twins.store.classes
    twins.shifts.by_class = {names[0]: shift(names[0], 0.1, "wheel")}
    assert view.panel.cards == []
    twins.shifts.by_class = {name: shift(name, 0.1, "wheel") for name in names}
    assert len(view.panel.cards) == min(start.CARDS, len(names))


def test_the_bars_name_the_tuning_images_where_others_are_on_screen(twins, begun):
    def named() -> set[str]:
        return {card["bars"]["rows"][1][0] for card in begun.panel.cards if "thing" not in card}

    assert named() == {"on screen"}
    twins.tuning.show_split("holdout")
    assert named() == {"tuning"}
    twins.tuning.show_split("tune")
    student = twins.students.student("sheep")
    twins.selection.images = shared_image_set(student, "some", student.rows[:9])
    assert named() == {"tuning"}


def suspects_of(view: StartView) -> list[str]:
    """Classes of the cards on suspects, in their order."""
    return [card["class_name"] for card in view.panel.cards if "thing" not in card]


def test_no_card_moves_when_a_search_finds_that_its_class_has_no_gain(twins, begun):
    before = suspects_of(begun)
    twins.suggestion.gainless = before[:1]
    assert suspects_of(begun) == before
    assert begun.panel.gainless == before[:1]


def test_cards_without_a_gain_come_last_when_all_students_are_opened_again(twins, begun):
    first, *others = suspects_of(begun)
    twins.suggestion.gainless = [first]
    twins.selection.class_name = first
    twins.selection.class_name = ""
    assert suspects_of(begun) == [*others, first]


def test_a_card_has_a_picture_of_a_training_image_with_the_class(twins, begun):
    view = begun
    name = view.panel.cards[0]["class_name"]
    assert twins.store.split[pictured_row(view, twins, name)] == "fit"
    assert view.panel.photos[name][0]["source"].startswith("data:image/")


def look(view: StartView) -> str:
    """Open the second class by its card; its name."""
    name = view.app.store.classes[1]
    ask(view, "look", class_name=name, concept="wheel")
    return name


def test_a_card_opens_class_with_concept(twins, begun):
    name = look(begun)
    assert (twins.selection.class_name, twins.selection.concept) == (name, "wheel")


def test_a_card_that_is_opened_changes_nothing(twins, begun):
    look(begun)
    assert twins.tuning.pending == []


@pytest.fixture
def group(twins, begun) -> list[str]:
    """Wheel and its twins, removed from the first class by its card."""
    name = twins.store.classes[0]
    ask(begun, "remove", class_name=name, concept="wheel")
    return twins.students.group(name, "wheel").twins


def test_remove_takes_twins_along(twins, group):
    name = twins.store.classes[0]
    assert len(group) > 1  # else this test sees nothing
    given = {(intent.key, intent.direction) for intent in twins.tuning.thumbs}
    assert given == {((name, twin), "remove") for twin in group}


def test_remove_opens_class_with_concept(twins, group):
    name = twins.store.classes[0]
    assert (twins.selection.class_name, twins.selection.concept) == (name, "wheel")


def test_a_card_counts_what_it_removed(twins, begun, group):
    view, name = begun, twins.store.classes[0]
    twins.selection.class_name = ""
    assert (view.panel.removed, view.panel.batch["thumbs"]) == ([name], len(group))


def test_the_second_picture_of_a_card_is_a_tuning_image_with_the_class(twins, begun):
    name = begun.panel.cards[0]["class_name"]
    row = twins.store.images.index(begun.panel.photos[name][1]["image"])
    k = twins.store.classes.index(name)
    assert (twins.store.split[row], twins.store.label[row, k]) == ("tune", 1)


def test_the_second_picture_of_a_card_scores_low_on_the_concept(twins, begun):
    name = begun.panel.cards[0]["class_name"]
    score = twins.store.concept_score[:, twins.store.concepts.index("wheel")]
    first, second = (
        score[twins.store.images.index(each["image"])] for each in begun.panel.photos[name]
    )
    assert second < first


def test_a_card_counts_the_concepts_that_a_removal_takes_along(twins, begun):
    name = begun.panel.cards[0]["class_name"]
    assert begun.panel.likes[name] == len(twins.students.group(name, "wheel").twins) - 1 > 0


@pytest.fixture
def behind(twins) -> StartView:
    """The view where no student relies on a suspect."""
    view, names = StartView(twins), twins.store.classes
    twins.shifts.by_class = {name: shift(name, 0.0, kind="none") for name in names}
    return view


def test_where_no_student_relies_on_a_suspect_those_behind_have_a_card(twins, behind):
    metrics = twins.students.snapshot.metrics
    order = [name for name in in_order(metrics) if metrics[name].teacher_ap > metrics[name].ap]
    assert [card["class_name"] for card in behind.panel.cards] == order[: start.CARDS] != []


def test_a_card_without_a_concept_says_how_far_behind_it_is(twins, behind):
    card = behind.panel.cards[0]
    of = twins.students.snapshot.metrics[card["class_name"]]
    assert card["sentence"] == f"AP {of.ap:.2f}, its teacher {of.teacher_ap:.2f}."


def test_a_card_without_a_concept_asks_about_photos(twins, behind, monkeypatch):
    asked: list = []
    monkeypatch.setattr(twins.asking, "request", asked.append)
    name = behind.panel.cards[0]["class_name"]
    ask(behind, "ask", class_name=name)
    assert (twins.selection.class_name, asked) == (name, [name])


def test_a_class_of_too_few_images_says_so(gaps):
    made = make_behind(gaps, ["ahead"], in_order(gaps))
    assert made[-1]["sentence"] == "too few images to say what it relies on."


def test_cards_of_many_classes_of_too_few_images_are_limited():
    names = [f"c{at}" for at in range(60)]
    assert len(make_behind({}, names, names)) == start.CARDS


# --- repairs -----------------------------------------------------------------------------------
@pytest.fixture
def shifted(tmp_path) -> AppState:
    tuner = inficond_panel.from_frames(**shifted_frames(), path=tmp_path / "own.zarr").tuner
    return AppState(tuner, Jobs(inline=True))


def test_the_repair_that_is_recommended_is_offered_with_its_gain_and_taken(shifted, monkeypatch):
    view = StartView(shifted)
    shifted.shifts.start()
    assert [card["class_name"] for card in view.panel.cards] == ["truck"]
    expected = suggest(shifted.tuner, classes=["truck"])
    gain = 100 * expected.gain_of("truck").estimate
    assert view.panel.offers == {"truck": {"removes": False, "gain": f"+{gain:.0f}"}}
    assert shifted.tuning.pending == []  # nobody has asked for it
    ask(view, "repair", class_name="truck", concept="")
    assert tuple(shifted.tuning.pending) == expected.intents
    assert shifted.selection.class_name == "truck"
    assert shifted.suggestion.latest.intents == expected.intents
    shifted.tuning.clear()
    with monkeypatch.context() as patch:
        patch.setattr("inficond_panel.results.shift.suggest", None)  # what is known is not sought
        shifted.suggestion.ask(["truck"])
    assert tuple(shifted.tuning.pending) == expected.intents
    shifted.tuning.fine_tune()
    assert shifted.tuning.notice.text.startswith(
        "truck is fine-tuned: #1\nExpected on other images: +"
    )


def test_what_is_expected_is_of_the_iteration_shown(shifted):
    shifted.suggestion.expect(["truck"])
    assert set(shifted.suggestion.expected) == {"truck"}
    shifted.tuning.put(shifted.suggestion.expected["truck"].intents)
    shifted.tuning.fine_tune()
    expected = shifted.suggestion.expected
    assert expected.keys() <= {"truck"}
    assert all(each.parent == shifted.students.node.id for each in expected.values())


def test_a_class_searched_without_a_gain_is_named_once_all_are_searched(shifted):
    shifted.suggestion.expect(["bird", "truck"])
    assert shifted.suggestion.gainless == ["bird"]


def test_nothing_is_offered_where_a_repair_may_gain_nothing_or_the_spec_shows_none(shifted):
    lever = suggest(shifted.tuner, classes=["bird"])
    assert make_offers({"bird": lever}) == {}
    with pytest.raises(ValueError, match="no repair is offered"):
        ask(StartView(shifted), "repair", class_name="bird", concept="")
    shifted.spec.tuning.suggest = False
    view = StartView(shifted)
    shifted.shifts.start()
    assert (view.panel.offering, view.panel.offers) == (False, {})


def test_the_first_of_the_list_are_checked_for_what_all_photos_share(twins):
    """A bias of all photos may leave no card of its own."""
    names = twins.store.classes
    view = StartView(twins)
    twins.shifts.by_class = {name: shift(name, 0.0, kind="none") for name in names}
    listed = in_order(twins.students.snapshot.metrics)[: start.CARDS]
    assert set(view.app.shared.wanted) == set(listed)


# --- the matrix --------------------------------------------------------------------------------
def test_the_table_has_the_students_of_each_concept_with_the_strongest_first():
    cells = Cells(np.array([[0.5, -2.0, 0.0], [0.0] * 3]), ["a<b", "sky"], ["x", "y", "z"], 2.0)
    table = make_table(cells)
    button = '<button class="link" data-concept="a&lt;b" data-student="{}">{}</button>'
    students = f"{button.format('y', 'y')} −2.00, {button.format('x', 'x')} +0.50"
    assert f"<th scope='row'>{button.format('', 'a&lt;b')}</th><td>{students}</td>" in table
    assert "</th><td>none</td>" in table
    many = Cells(np.ones((1, NAMED + 2)), ["fur"], [f"c{k}" for k in range(NAMED + 2)], 1.0)
    assert make_table(many).count("+1.00") == NAMED
    assert "and 2 more" in make_table(many)
    words = make_words(Cells(np.ones((1, 1)), ["fur"], ["cat"], 1.0, {("cat", "fur")}), 30)
    assert "1 of 30 concepts" in words
    assert "suspects have an outline" in words
    assert "No concept matches" in make_words(Cells(np.ones((0, 1)), [], ["cat"], 1.0), 30)


def test_a_click_opens_the_student_and_the_concept_of_its_cell_or_of_the_name_beside_it(app):
    view = MatrixView(app)
    view._open(1.5, len(view.cells.concepts) - 2.5)
    selected = (app.store.classes[1], view.cells.concepts[2])
    assert (app.selection.class_name, app.selection.concept) == selected
    for outside in ((-1.0, -1.0), (99.0, -1.0), (None, None)):
        view._open(*outside)
    assert (app.selection.class_name, app.selection.concept) == selected
    assert MatrixView(app).cells.concepts  # made beside a class, it is drawn
    app.selection.param.update(class_name="", concept="")
    view._open(-1.0, len(view.cells.concepts) - 2.5)
    assert (app.selection.class_name, app.selection.concept) == ("", view.cells.concepts[2])
    ask(KnowledgeView(app, view), "open", concept="wheel", student=app.store.classes[2])
    assert (app.selection.class_name, app.selection.concept) == (app.store.classes[2], "wheel")


def test_the_heads_of_the_matrix_open_their_students(app):
    heads = make_heads(["a<b"])
    assert '<button class="link" data-concept="" data-student="a&lt;b">a&lt;b</button>' in heads


def test_the_heads_of_the_matrix_stay_while_it_is_scrolled(app):
    assert MatrixView(app)._heads.styles["position"] == "sticky"


def test_nothing_is_drawn_anew_while_a_class_is_selected_nor_for_an_order_that_comes_late(app):
    view = MatrixView(app)
    app.selection.class_name = "bird"
    before = view.cells
    view.order = "name"
    app.tuning.toggle(Intent("bird", "fur", "down"))
    assert view.cells is before
    app.selection.class_name = ""
    assert view.cells.concepts == sorted(view.cells.concepts, key=str.casefold)
    assert dict(view.cells.pending) == {("bird", "fur"): "▼"}
    view.marked = frozenset({("bird", "hair"), ("sheep", "hair"), ("bird", "leaf")})
    view.order = "marked"
    assert view.cells.concepts[:2] == ["hair", "leaf"]
    late: list = []
    view = MatrixView(AppState(app.tuner, Jobs(late.append, inline=True)))
    late.clear()
    view.order = "similar"
    view.order = "name"
    (tell,) = late
    tell()
    assert view.cells.concepts == sorted(view.cells.concepts, key=str.casefold)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_that_is_drawn_follows_search_and_order(app, theme):
    app.theme = theme
    view = MatrixView(app)
    view._plot.get_root()
    (plot, _), *_ = view._plot._plots.values()
    view.find = "wheel"
    image, texts, _ = (renderer.data_source.data for renderer in plot.state.renderers)
    assert image["image"][0].shape == (len(view.cells.concepts), 4)
    assert len(texts["number"]) == np.count_nonzero(view.cells.influence)
    labels = plot.state.yaxis[0].major_label_overrides.values()
    assert set(labels) == set(view.cells.concepts)
    view.close()


def test_the_matrix_is_made_only_where_details_are_shown(app):
    app.settings.show = "simple"
    views = AllStudents(app)
    assert views._matrix is None
    assert views._start.panel.sizing_mode == "stretch_width"  # a mode set later is not drawn
    app.selection.class_name = app.store.classes[0]
    app.settings.show = "details"
    assert views._matrix is None  # a student stands in its place
    app.selection.class_name = ""
    assert views._matrix is not None
    app.tuning.toggle(Intent(app.store.classes[0], "wheel", "down"))
    assert views.picture() is not None
    views.close()


def test_the_still_picture_has_each_sentence_whole():
    told = "tv monitor relies on couch: it is in 96 % of the photos it learned from"
    card = {"class_name": "tv monitor", "relies": "relies on", "concept": "couch", "sentence": told}
    drawn = start.draw_picture([card]).svg()
    assert "tv monitor relies on couch<" in drawn
    assert f"{told}<" in drawn


# --- concepts to begin with, where the detail has none open ---------------------------------------
def test_concepts_to_begin_with_are_the_suspects():
    starts = make_starts(FOUND["dog"], {("dog", "wheel"): 2.0})
    assert [each["concept"] for each in starts] == ["ball", "grass"]
    told = "In 90 % of the training images with dog, 40 % of the tuning ones."
    assert starts[0]["reason"] == f"{told} {BY_SCORE}"


def test_concepts_to_begin_with_are_the_strongest_where_none_is_suspect():
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


def test_a_class_left_takes_its_concepts_along(app):
    detail, name = DetailView(app), app.store.classes[0]
    app.selection.class_name = name
    app.shifts.by_class = {name: shift(name, 0.2, "spoke")}
    assert [each["concept"] for each in detail.panel.starts] == ["spoke"]
    app.selection.class_name = ""
    assert detail.panel.starts == []  # the other classes are not known yet


def test_a_concept_offers_the_class_in_which_it_counts_most(app):
    detail = DetailView(app)
    app.selection.open_concept("wheel")
    weights = app.students.node.weights[app.store.concepts.index("wheel")]
    best = app.store.classes[int(np.abs(weights).argmax())]
    assert detail.panel.starts[0]["class_name"] == best
    detail.act({"action": "open", "class_name": best, "concept": "wheel"})
    assert (app.selection.class_name, detail.panel.starts) == (best, [])


@pytest.fixture
def counterexample(app, monkeypatch):
    """The row that is shown as without a concept, where the tuning images of a mask show it."""
    student = app.tuner.at(app.students.node, "tune")["sheep"]
    monkeypatch.setattr(examples, "make_picture", lambda _, row, *more: row)

    def of(shown) -> list[int]:
        monkeypatch.setattr(examples, "joint_presence", lambda *_: shown.astype(np.int8))
        return list(examples.make_counterexample(student, "screen"))

    return student, of


def test_an_image_without_a_concept_does_not_show_it(counterexample):
    student, of = counterexample
    positive = np.flatnonzero(student.labels == 1)
    shown = np.ones(len(student.rows), bool)
    shown[positive[-1]] = False
    assert of(shown) == [student.rows[positive[-1]]]


def test_no_image_is_without_a_concept_that_all_images_of_the_class_show(counterexample):
    assert counterexample[1](np.ones(len(counterexample[0].rows), bool)) == []


@pytest.mark.parametrize(("kind", "name"), [("class", "bird"), ("column", "site = B")])
def test_pictures_of_a_class_or_a_column_differ_by_it(app, monkeypatch, kind, name):
    """Not by the concept that is nearest to it: of each side the one the teacher is surest of."""
    students = [app.tuner.at(app.students.node, split)["sheep"] for split in ("fit", "tune")]
    monkeypatch.setattr(examples, "make_picture", lambda _, row, *more: {"row": row})
    values = np.arange(len(app.store.images)) % 3 == 0
    monkeypatch.setattr(examples, "thing_values", lambda store, rows, thing: values[rows] * 1.0)
    shown = examples.make_pair_of(*students, ReliedThing("sheep", kind, name), "grass")
    for student, has, picture in zip(students, (True, False), shown, strict=True):
        some = (student.labels == 1) & (values[student.rows] == has)
        surest = student.rows[some][student.teacher_logits[some].argmax()]
        assert picture["row"] == surest


def test_a_thing_in_no_image_of_the_class_is_shown_by_its_concept(app):
    students = [app.tuner.at(app.students.node, split)["sheep"] for split in ("fit", "tune")]
    nowhere = ReliedThing("sheep", "column", "site = nowhere")
    assert examples.make_pair_of(*students, nowhere, "grass") == examples.make_pair(
        *students, "grass"
    )


def table_session(**columns):
    """A session over a table of three columns, of which *age* has the largest influence."""
    rng = np.random.default_rng(0)
    ids = [f"{i:03d}" for i in range(300)]
    smoker, age = rng.random(300) < 0.3, rng.normal(size=300)
    scores = pd.DataFrame({"age": age, "crp": rng.normal(size=300), "smoker": smoker * 2.0 - 0.6})
    logit = 3 * age + 2 * smoker + rng.normal(size=300)
    students = inficond_panel.from_frames(
        scores.assign(**columns).set_axis(ids),
        pd.DataFrame({"ill": logit, "well": -logit}, ids),
        pd.DataFrame({"ill": logit > 0, "well": logit <= 0}, ids, dtype=int),
        split=pd.Series(np.resize(["fit", "tune", "fit"], 300), ids),
    )
    tuner = students.fit().tuner
    return AppState(tuner, Jobs(inline=True)), scores


def test_a_row_has_the_values_of_the_columns_that_count_most_the_concept_first():
    app, scores = table_session()
    student = app.tuner.at(app.students.node, "fit")["ill"]
    row = int(np.flatnonzero(scores["smoker"] > 0)[0])
    first, *others = examples.make_values(student, row, "smoker")
    assert first == ["smoker", "yes"]
    assert others[0] == ["age", f"{scores['age'][row]:.3g}".replace("-", "\u2212")]
    assert "values" in examples.make_example(student, "smoker")


def test_a_large_value_of_a_row_is_written_out():
    app, _ = table_session(age=np.arange(300) * 100.0)
    student = app.tuner.at(app.students.node, "fit")["ill"]
    assert ["age", "12300"] in examples.make_values(student, 123, "age")


def test_a_photo_has_no_values(app):
    student = app.tuner.at(app.students.node, "fit")["sheep"]
    assert "values" not in examples.make_example(student, "grass")


def test_a_card_says_whether_its_concept_is_a_number(shifted):
    view = StartView(shifted)
    shifted.shifts.start()
    (card,) = view.panel.cards
    values = shifted.store.concept_score[:, shifted.store.concepts.index(card["concept"])]
    assert (card["high"], len(np.unique(values)) > 2) == (True, True)


def test_a_store_without_a_map_has_no_view_of_it_unless_it_is_the_only_one():
    app, _ = table_session()
    assert "embedding" not in make_views(app)
    app.tuner.spec.layout.rows = [["embedding"]]
    assert list(make_views(app)) == ["embedding"]

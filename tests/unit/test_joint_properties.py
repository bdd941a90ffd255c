"""Histories of the joint student drawn at random: bounds, certificates, order, sums."""

import contextlib

import numpy as np
import pytest
from frames import JOINT_L1, single_frames
from frames import SINGLE as CLASSES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inficond_panel import from_frames
from inficond_panel.errors import TuningError
from inficond_panel.tuning import History, Intent, Tuner

THUMB = st.builds(
    lambda name, concept, way: Intent(name, concept, *way),
    st.sampled_from(CLASSES),
    st.sampled_from("abcde"),
    st.sampled_from([("up", 1.5), ("up", 8.0), ("down", 2.0), ("remove", None)]),
)
BATCHES = st.lists(st.lists(THUMB, min_size=1, max_size=4), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    frames = single_frames(images=80)
    students = from_frames(**frames, path=tmp_path_factory.mktemp("own") / "own.zarr")
    return students.tuner.with_students(link="softmax", lambda_=JOINT_L1)


def carried_out(tuner, batches):
    """Nodes of the batches that can be; one whose bounds cannot hold together is left out."""
    nodes = [tuner.root()]
    for batch in batches:
        with contextlib.suppress(TuningError):
            nodes.append(tuner.fine_tune(nodes[-1], batch))
    return nodes


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=BATCHES)
def test_every_iteration_obeys_all_bounds_and_is_proved(made, batches):
    first = carried_out(Tuner(made.store, made.spec, History(":memory:")), batches)
    again = Tuner(made.store, made.spec, History(":memory:"))
    second = carried_out(again, [batch[::-1] for batch in batches])
    for one, other in zip(first, second, strict=True):
        assert (one.id, one.weights_hash) == (other.id, other.weights_hash)
        assert max(one.gap) <= 1e-6
        np.testing.assert_allclose(one.weights.sum(axis=1), 0, atol=1e-9)
        for (name, concept), (low, high) in one.bounds.items():
            weight = one.weights["abcde".index(concept), CLASSES.index(name)]
            assert low is None or weight >= low
            assert high is None or weight <= high
        logits = again.logits(other)
        np.testing.assert_allclose((1 / (1 + np.exp(-logits))).sum(axis=1), 1, atol=1e-9)

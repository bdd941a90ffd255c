"""Types that editors complete name what there is."""

from typing import get_args

from inficond_panel.vocabulary.metrics import METRICS, USUAL_METRIC, MetricKey
from inficond_panel.vocabulary.splits import SPLITS, Split


def test_the_type_of_a_split_has_all_splits():
    assert get_args(Split) == SPLITS


def test_the_type_of_a_metric_has_all_metrics():
    assert get_args(MetricKey) == tuple(METRICS)


def test_the_usual_metric_is_a_metric():
    assert USUAL_METRIC in METRICS

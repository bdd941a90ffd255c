"""Metrics of all students together, as one classifier, on data with one class an image."""

from __future__ import annotations

from inficond_panel.vocabulary.metrics import Metric

_TOP_CLASS = "inficond_panel.distill.metrics.top_class"

TOP1 = Metric(
    key="top1",
    name="Top-1 accuracy",
    word="top-1 accuracy",
    full="Top-1 accuracy",
    mean="Top-1 accuracy",
    short="Top-1",
    column="Top-1",
    meaning="Share of images whose class has the largest probability.",
    formula=f"{_TOP_CLASS}:TopClass.values",
    undefined="no labelled image",
    beside="agreement",
)
TOP_K = Metric(
    key="top_k",
    name="Top-k accuracy",
    word="top-k accuracy",
    full="Top-k accuracy",
    mean="Top-k accuracy",
    short="Top-k",
    column="Top-k",
    meaning="Share of images whose class is among the k of the largest probability.",
    formula=f"{_TOP_CLASS}:TopClass.values",
    undefined="no labelled image, or no more than k classes",
)
BALANCED = Metric(
    key="balanced_accuracy",
    name="Balanced accuracy",
    word="balanced accuracy",
    full="Balanced accuracy",
    mean="Balanced accuracy",
    short="Bal.",
    column="Balanced",
    meaning="Mean over the classes of the share of their images that are named rightly.",
    formula=f"{_TOP_CLASS}:TopClass.values",
    undefined="no labelled image",
)
TOP_ECE = Metric(
    key="top_ece",
    name="Top-label calibration error",
    word="top-label ECE",
    full="Expected calibration error of the likeliest class",
    mean="Top-label calibration error",
    short="ECE",
    column="Top ECE",
    meaning="Mean distance between the largest probability and how often it is right, over bins.",
    formula=f"{_TOP_CLASS}:TopClass.values",
    undefined="no labelled image",
    less_is_better=True,
    biased=True,
    unit="",
)
AGREEMENT = Metric(
    key="agreement",
    name="Agreement",
    word="agreement",
    full="Agreement with the teacher's likeliest class",
    mean="Agreement",
    short="Agr.",
    column="Agree",
    meaning="Share of images on which student and teacher name the same class.",
    formula=f"{_TOP_CLASS}:TopClass.values",
    undefined="no image",
    beside="top1",
    needs_teacher=True,
)

#: All of them by key, in the order of tables and of the command line.
TOP_METRICS = {metric.key: metric for metric in (TOP1, TOP_K, BALANCED, TOP_ECE, AGREEMENT)}

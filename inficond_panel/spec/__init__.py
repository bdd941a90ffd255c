"""Read a spec, one YAML file, into a validated model; all problems are reported at once."""

from inficond_panel.spec.schema import json_schema
from inficond_panel.spec.sections.dataset import ScenesDataset, TableDataset, VocDataset
from inficond_panel.spec.sections.page import Layout
from inficond_panel.spec.sections.splits import ALL_IMAGES, REST, ColumnPart, Share
from inficond_panel.spec.spec import (
    Spec,
    check_against,
    find_edits,
    find_spec,
    load_spec,
    with_students,
)

__all__ = [
    "ALL_IMAGES",
    "REST",
    "ColumnPart",
    "Layout",
    "ScenesDataset",
    "Share",
    "Spec",
    "TableDataset",
    "VocDataset",
    "check_against",
    "find_edits",
    "find_spec",
    "json_schema",
    "load_spec",
    "with_students",
]

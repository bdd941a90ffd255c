"""Encoders by name: the names in the docs are those that the installed open_clip has."""

import re
from pathlib import Path

import pytest

pytest.importorskip("open_clip")

import open_clip

pytestmark = pytest.mark.torch

PAGE = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("**Names of open_clip.**")[2].partition("`kind: transformers` takes")[0]
NAMES = re.findall(r"`([\w-]+)`(?=[,| ])", TABLE.partition("| --- |")[2])


def test_the_table_of_names_is_read():
    assert len(NAMES) > 15


@pytest.mark.parametrize("name", NAMES)
def test_open_clip_has_the_model_of_the_docs(name):
    assert name in open_clip.list_models()

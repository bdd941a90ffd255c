"""The reference page and the schema are those of the classes."""

import runpy
from pathlib import Path

import jsonschema
import pytest

from inficond_panel.spec import json_schema
from inficond_panel.spec.spec import sections

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = runpy.run_path(str(DOCS / "reference.py"), run_name="reference")


@pytest.mark.parametrize("name", REFERENCE["PAGES"])
def test_the_page_is_up_to_date(name):
    assert (DOCS / name).read_text(encoding="utf-8") == REFERENCE["reference"](name), (
        "run: make docs"
    )


@pytest.mark.parametrize("name", REFERENCE["PAGES"])
def test_every_key_has_a_doc(name):
    walked = sections(REFERENCE["PAGES"][name][0])
    kinds = [kind for _, part in walked for kind in part.kinds().values() or [part]]
    assert len(kinds) > 5
    for kind in kinds:
        assert kind.__doc__
        for name, key in kind.fields().items():
            assert key.doc, f"{kind.__name__}.{name}"


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())

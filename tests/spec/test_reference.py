"""The reference page and the schema are those of the classes."""

from pathlib import Path

import jsonschema

from inficond_panel.spec import json_schema
from inficond_panel.spec.framework.json_schema import sections
from inficond_panel.spec.quantify_reference import run_reference
from inficond_panel.spec.reference import reference


def test_the_page_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "spec.md"
    assert page.read_text(encoding="utf-8") == reference(), "run: make docs"
    runs = page.with_name("quantify-spec.md")
    assert runs.read_text(encoding="utf-8") == run_reference(), "run: make docs"


def test_every_key_has_a_doc():
    kinds = [kind for _, part in sections() for kind in part.kinds().values() or [part]]
    assert len(kinds) > 12
    for kind in kinds:
        assert kind.__doc__
        for name, key in kind.fields().items():
            assert key.doc, f"{kind.__name__}.{name}"


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())

"""The reference page and the schema are those of the classes."""

import json
import runpy
from pathlib import Path

import jsonschema
import pytest
from good_spec import GOOD
from ruamel.yaml import YAML

from inficond_panel.spec import json_schema
from inficond_panel.spec.schema import sections
from inficond_panel.spec.sections.dataset import FolderDataset, RootedDataset

DOCS = Path(__file__).parents[2] / "docs"
SPECS = DOCS.parent / "specs"
REFERENCE = runpy.run_path(str(DOCS / "reference.py"), run_name="reference")


@pytest.mark.parametrize("name", REFERENCE["PAGES"])
def test_the_page_is_up_to_date(name):
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == REFERENCE["reference"](name), "run: make docs"


@pytest.mark.parametrize("name", REFERENCE["PAGES"])
def test_the_schema_is_up_to_date(name):
    written = (DOCS / name).with_suffix(".schema.json").read_text(encoding="utf-8")
    assert written == REFERENCE["schema"](name), "run: make docs"


def shipped(file: Path, page: str, change=lambda document: None) -> bool:
    """Whether a shipped file is valid by the schema of a page, after a ``change``."""
    document = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    change(document)
    schema = json.loads((DOCS / f"{page}.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema).is_valid(document)


FILES = [(file, "spec") for file in sorted([*SPECS.glob("*.yaml"), *SPECS.glob("public/*.yaml")])]
FILES += [(file, "study-spec") for file in sorted(SPECS.glob("studies/*.yaml"))]


@pytest.mark.parametrize(("file", "page"), FILES, ids=[file.stem for file, _ in FILES])
def test_an_editor_accepts_a_shipped_spec(file, page):
    assert shipped(file, page)


@pytest.mark.parametrize(("file", "page"), FILES, ids=[file.stem for file, _ in FILES])
def test_an_editor_marks_an_unknown_key_in_a_shipped_spec(file, page):
    assert not shipped(file, page, lambda document: document.update(titel="x"))


@pytest.mark.parametrize("name", REFERENCE["PAGES"])
def test_every_key_has_a_doc(name):
    walked = sections(REFERENCE["PAGES"][name][0])
    kinds = [kind for _, part in walked for kind in part.kinds().values() or [part]]
    assert len(kinds) > 5
    for kind in kinds:
        assert kind.__doc__
        for name, key in kind.fields().items():
            assert key.doc, f"{kind.__name__}.{name}"


def test_splits_name_the_lists_of_every_kind_of_data_set():
    for kind in (RootedDataset, *RootedDataset.__subclasses__(), FolderDataset):
        assert "Lists are of" not in kind.fields()["splits"].doc
    assert "if the classes are in root, use `from: all`" in FolderDataset.fields()["splits"].doc


@pytest.fixture(scope="module")
def check():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid


def concepts(**keys):
    encoder = {"model": "ViT-B-16", "pretrained": "weights.pt"}
    return {"concepts": {"corpus": "words.txt", "encoder": encoder, **keys}}


PLAIN = YAML(typ="safe", pure=True).load(GOOD)
HUB = {"model": "hf-hub:a/b", "image_size": [64, 32], "attention": "sclip"}


@pytest.mark.parametrize(("keys", "taken"), [
    ({}, True),
    (concepts(encoder={"model": "a", "pretrained": "openai", "image_size": 224}), True),
    (concepts(encoder=HUB), True),
    (concepts(prompts="imagenet"), True),
    (concepts(prompts=["a {}", "imagenet_simple"]), True),
    (concepts(prompts=["a dog"]), False),
    (concepts(encoder={**HUB, "image_size": 16}), False),
    (concepts(encoder={**HUB, "attention": "none"}), False),
    ({"title": ""}, False),
    ({"titel": "a"}, False),
    ({"students": {"lambda": -1}}, False),
    ({"students": {"epochs": 3}}, False),
    ({"students": {"solver": "exat"}}, False),
    ({"tuning": {"factor": 1}}, False),
    ({"layout": {"rows": [["embeding"]]}}, False),
    ({"layout": {"columns": [["detail"]]}}, False),
])  # fmt: skip
def test_the_schema_refuses_what_the_reader_refuses(folder, check, keys, taken):
    assert check({**PLAIN, **keys}) == taken
    file = folder.path / "a.yaml"
    YAML(typ="safe", pure=True).dump({**PLAIN, **keys}, file)
    if taken:
        folder.load(file.read_text())
    else:
        assert folder.problems(file.read_text())


def test_a_store_needs_a_title_alone_or_all_that_it_was_made_from(check):
    own = {"title": "Own", "store": "own.zarr"}
    assert check(own)
    assert not check({**own, "teacher": {"kind": "head"}})

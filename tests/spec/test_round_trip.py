"""load(to_yaml(spec)) equals spec, over every field of every kind of section."""

from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from inficond_panel.spec import Share, Spec, find_spec, json_schema, load_spec
from inficond_panel.spec.framework.section import Key, Section
from inficond_panel.spec.framework.types import NameOrPath
from inficond_panel.spec.sections.concepts import (
    Concepts,
    Head,
    KMeansSegments,
    MaxCosineScores,
    Thumbnails,
    WordScores,
)
from inficond_panel.spec.sections.dataset import (
    CocoDataset,
    ColumnsDataset,
    Dataset,
    ListedDataset,
    RootedDataset,
    StoreDataset,
)
from inficond_panel.spec.sections.encoder import HubModel, OpenClipEncoder
from inficond_panel.spec.sections.page import TOPS, VIEW_NAMES, Views
from inficond_panel.spec.sections.splits import ColumnPart, Splits
from inficond_panel.spec.sections.students import ExactStudents, Tuning
from inficond_panel.spec.sections.teacher import LogitsTeacher
from inficond_panel.vocabulary.confidence import CONFIDENCE

CHECK = jsonschema.Draft202012Validator(json_schema())
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
# A path is not a name: parts without slash, zero, or variable.
PART = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0$"), max_size=50)
NOT_LISTS = {"rest", "all"}
PARTS = PART.filter(lambda part: part.strip() == part and part not in ("", ".", ".."))


def paths(folder: Path) -> st.SearchStrategy[Path]:
    below = st.lists(PARTS, min_size=1, max_size=3)
    return st.tuples(st.sampled_from([folder, Path("/other")]), below).map(
        lambda both: both[0].joinpath(*both[1])
    )


def numbers(schema: dict) -> st.SearchStrategy[float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if schema["type"] == "integer":
        return st.integers(low, high)
    return st.floats(
        low,
        high,
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_infinity=False,
        allow_nan=False,
    )


def drawn(schema: dict) -> st.SearchStrategy:
    """Any value that a JSON Schema allows."""
    if "anyOf" in schema:
        return st.one_of([drawn(kind) for kind in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    match schema["type"]:
        case "null" | "boolean" as kind:
            return st.none() if kind == "null" else st.booleans()
        case "array" if "prefixItems" in schema:
            return st.tuples(*map(drawn, schema["prefixItems"]))
        case "array":
            least, unique = schema.get("minItems", 0), "uniqueItems" in schema
            return st.lists(drawn(schema["items"]), min_size=least, unique=unique)
        case "object":
            names = drawn(schema["propertyNames"]) if "propertyNames" in schema else TEXT
            values = drawn(schema["additionalProperties"])
            return st.dictionaries(names, values, min_size=schema.get("minProperties", 0))
        case "string":
            return texts(schema.get("pattern", r"\S"))
    return numbers(schema)


def texts(pattern: str) -> st.SearchStrategy[str]:
    if pattern == r"\S":
        return TEXT
    return st.from_regex(pattern, fullmatch=pattern.startswith("^")).filter(str.isprintable)


@st.composite
def rows(draw) -> list[list[str]]:
    views = draw(st.permutations(VIEW_NAMES))
    cuts = sorted(draw(st.sets(st.integers(1, len(views) - 1))))
    return [list(views[a:b]) for a, b in zip([0, *cuts], [*cuts, len(views)], strict=True)]


@st.composite
def splits(draw) -> Splits:
    fit, tune = draw(
        st.lists(TEXT.filter(lambda t: t not in NOT_LISTS), min_size=2, max_size=2, unique=True)
    )
    drawn = {
        "share": draw(st.floats(0.01, 0.99)),
        "seed": draw(st.integers(0)),
        "stratify": draw(st.booleans()),
    }
    share = Share(from_=tune, **drawn)
    if draw(st.booleans()):
        value = draw(st.lists(TEXT.map(str.strip), min_size=1, unique=True))
        share = ColumnPart(column=tune, value=value, **drawn)
    references = [fit, share, "rest"]
    return Splits(
        **dict(zip(("fit", "tune", "holdout"), draw(st.permutations(references)), strict=True))
    )


def values(key: Key, folder: Path, fits: dict) -> st.SearchStrategy:
    if key.many:
        return st.lists(made(key.sections[0], folder, fits), min_size=1, max_size=2)
    if key.sections:
        return made(key.sections[0], folder, fits)
    if isinstance(key.location, HubModel):
        return st.one_of(st.just("hf-hub:some/model"), paths(folder))
    if isinstance(key.location, NameOrPath):  # a model's name
        name = st.from_regex(r"[A-Za-z][A-Za-z0-9-]*", fullmatch=True)
        return st.one_of(name, paths(folder))
    if "function" in key.expected:
        return st.sampled_from(["a:b", "_a.b2.C:d_3", folder / "a b" / "own.py:f_1"])
    if "path of a" in key.expected and key.attribute != "table":
        return paths(folder)
    return rows() if key.attribute in ("rows", "columns") else drawn(key.schema)


def fit_dataset(kind: type[Section], given: dict, folder: Path) -> None:
    """Make the values of a data set fit together."""
    if isinstance(given.get("grey"), tuple):  # black below white
        low, high = sorted(given["grey"])
        given["grey"] = (low, high if low < high else low + 1.0)
    if kind is CocoDataset:
        given["annotations"] = ["a/one.json", "b/two.json", "b/one.json"]
        tune = Share(from_="a/one", share=0.5, stratify=True)
        given["splits"] = Splits(fit="two", tune=tune, holdout="rest")
    elif kind is StoreDataset and given.get("splits"):
        tune = Share(from_="fit", share=0.5, seed=2)
        given["splits"] = Splits(fit="holdout", tune=tune, holdout="rest")
    elif kind is ColumnsDataset:
        fit_columns(given)
    elif issubclass(kind, ListedDataset) and given["splits"].columns():
        given["metadata"] = given["root"] / "metadata.csv"
    if issubclass(kind, ListedDataset) and given.get("captions"):
        given["metadata"] = given["root"] / "metadata.csv"


def fit_columns(given: dict) -> None:
    """Make the values of a table fit together."""
    if isinstance(given["table"], list):
        given["table"] = ["a/one.csv", "b/one.csv"]
        tune = Share(from_="b/one", share=0.5)
        given["splits"] = Splits(fit="a/one", tune=tune, holdout="rest")
    unused = {"label", "separator", "classes"} if given.get("labels") else {"labels", "absent"}
    for key in unused & given.keys():
        del given[key]
    if not given.get("labels"):
        given["label"] = "some column"
    if not given.get("path") and not given.get("captions"):
        given["path"] = "some column"


def fit_scores(given: dict, folder: Path) -> None:
    """Make scores and data set fit together: words have captions, other methods photos."""
    if given["concepts"].of_words and isinstance(given["dataset"], RootedDataset):
        fit_captions(given["dataset"], given["concepts"], folder)
        given["teacher"] = LogitsTeacher(path=folder / "logits.csv")
    elif given["concepts"].of_words:
        given["concepts"].scores = MaxCosineScores()
    elif isinstance(given["dataset"], ColumnsDataset):
        given["dataset"].path = given["dataset"].path or "some column"


def fit_captions(dataset: Section, concepts: Section, folder: Path) -> None:
    """Leave out what words of captions have no use for, and name the captions."""
    dataset.captions = "caption"
    if isinstance(dataset, ListedDataset):
        dataset.metadata = folder / "metadata.csv"
    usual = Concepts(corpus=concepts.corpus, scores=WordScores(), thumbnails=concepts.thumbnails)
    for name in type(usual).model_fields:
        setattr(concepts, name, getattr(usual, name))


def fit_encoder(kind: type[Section], given: dict, folder: Path) -> None:
    """Make the values of an encoder fit together."""
    if isinstance(given["model"], Path) and isinstance(given.get("pretrained"), str):
        given["pretrained"] = None
    elif isinstance(given["model"], str) and given.get("pretrained") is None:
        given["pretrained"] = folder / "weights.pt"


def fit_views(kind: type[Section], given: dict, folder: Path) -> None:
    """Make the numbers of the views such that lists and thumbs have."""
    if "top" in given:
        given["top"] = TOPS[given["top"] % len(TOPS)]
    if "factors" in given:
        given["factors"] = [factor for factor in given["factors"] if factor > 1]
    if given.get("confidence", 0) > CONFIDENCE:
        given["confidence"], given["draws"] = min(given["confidence"], 0.999), 10_000


def fit_head(kind: type[Section], given: dict, folder: Path) -> None:
    """Leave a head of a file alone."""
    if given.get("checkpoint"):
        for key in given.keys() - {"checkpoint"}:
            del given[key]


def fit_spec(kind: type[Section], given: dict, folder: Path) -> None:
    """Make the sections fit together."""
    students = given.get("students")
    given["path"] = folder / "a.yaml"
    if given.get("tuning"):
        fit_tuning(given["tuning"], getattr(students, "solver", ""))
    if isinstance(given["dataset"], StoreDataset):
        concepts = given["concepts"]
        concepts.segments, concepts.thumbnails = KMeansSegments(), Thumbnails()
        encoder = concepts.encoder
        named = {"model", "pretrained", "function", "name"} & encoder.fields().keys()
        concepts.encoder = type(encoder)(**{key: getattr(encoder, key) for key in named})
        given["teacher"] = LogitsTeacher(path=folder / "logits.csv")
    fit_scores(given, folder)
    dataset, teacher = given["dataset"], given["teacher"]
    fit_network(teacher, given["concepts"].encoder, folder)
    single = dataset.task == "single_label"
    if "activation" in teacher.fields():
        teacher.activation = (teacher.activation or "softmax") if single else None
    if students:
        fit_students(students, single)
        if not getattr(teacher, "oracle", None):
            students.targets = "teacher"


def fit_network(teacher: Section, concepts: Section | None, folder: Path) -> None:
    """Give a teacher that needs an encoder's network an encoder that is one."""
    encoder = getattr(teacher, "encoder", None) or concepts
    needs = teacher.kind == "open_clip" or (teacher.kind == "head" and teacher.oracle)
    if needs and encoder and encoder.kind in ("python", "plugin"):
        teacher.encoder = OpenClipEncoder(model=folder / "model")


def fit_tuning(tuning: Section, solver: str) -> None:
    """Leave out what the other solver has; say the groups at whose worst repairs aim."""
    if tuning.aim == "worst-group":
        tuning.groups = tuning.groups or "camera"
    if solver == "paper":
        tuning.refit = "all" if tuning.refit == "target" else tuning.refit
    else:
        tuning.epochs = Tuning().epochs


def fit_students(students: Section, single: bool) -> None:
    """Make students fit to a task of one class an image, or of several."""
    if single:
        students.threshold = {}
    if getattr(students, "link", "sigmoid") == "softmax":
        students.link = "softmax" if single else "sigmoid"
        students.l2 = 0.0 if single else students.l2
        by_class = students.lambda_ if isinstance(students.lambda_, dict) else {}
        if students.lambda_ == 0 or {0, "auto"} & set(by_class.values()):
            students.lambda_ = 1e-4
    if isinstance(students, ExactStudents) and students.fault_of_images():
        students.distil_on = ["fit"]


FITS = {
    Dataset: fit_dataset,
    OpenClipEncoder: fit_encoder,
    Views: fit_views,
    Head: fit_head,
    Spec: fit_spec,
}


#: Keys that are needed but for words of captions.
USUAL = {"encoder", "path"}


@st.composite
def made(draw, section: type[Section], folder: Path, fits: dict = FITS) -> Section:
    """A section of any kind with any valid values."""
    if section is Splits:
        return draw(splits())
    kind = draw(st.sampled_from(list(section.kinds().values()) or [section]))
    given = {
        key.attribute: draw(values(key, folder, fits))
        for name, key in kind.fields().items()
        if name in kind.needed(set()) | USUAL or name == kind.chooser or draw(st.booleans())
    }
    for base, fit in fits.items():
        if issubclass(kind, base):
            fit(kind, given, folder)
    return kind(**given)


@pytest.mark.slow
@given(st.data())
@settings(deadline=None, max_examples=50, derandomize=True)
def test_every_field_survives_the_round_trip(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    spec = data.draw(made(Spec, folder))
    text = spec.to_yaml()
    CHECK.validate(YAML(typ="safe", pure=True).load(text))
    (folder / "a.yaml").write_text(text, encoding="utf-8", newline="")
    again = load_spec(folder / "a.yaml", check_files=False)
    assert again == spec
    assert again.to_yaml() == text


def test_a_folder_below_a_variable_that_is_not_set_survives_the_round_trip(tmp_path, monkeypatch):
    monkeypatch.delenv("INFICOND_DATA", raising=False)
    text = find_spec("cub200").read_text().replace("store: ${INFICOND_DATA}/", "store: ")
    (tmp_path / "a.yaml").write_text(text)
    spec = load_spec(tmp_path / "a.yaml", check_files=False)
    (tmp_path / "a.yaml").write_text(spec.to_yaml())
    assert load_spec(tmp_path / "a.yaml", check_files=False) == spec

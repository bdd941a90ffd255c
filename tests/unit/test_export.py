"""Exports: what each format holds, that it predicts the same, replays, and is written whole."""

import copy
import hashlib
import io
import json
import re
import sys
import warnings
import zipfile
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from factory import ATTRS, small_arrays, small_spec, small_store
from frames import frames
from markdown_it import MarkdownIt
from scipy.special import expit

from inficond_panel import from_frames, load_students
from inficond_panel.common.interval import Interval
from inficond_panel.distill import average_precision
from inficond_panel.errors import DifferenceWarning, ExportError, MissingExtraError
from inficond_panel.export import FORMATS, Exported, differences, export, load_export
from inficond_panel.export import folder as exporting
from inficond_panel.export.card_markdown import card_markdown, escape
from inficond_panel.export.model_card import model_card
from inficond_panel.results.metrics import metrics
from inficond_panel.store import write_store
from inficond_panel.tuning import Intent, Node, Tuner, open_tuner, read_edits

pytestmark = pytest.mark.commands

ALL = tuple(FORMATS)
THRESHOLDS = [0.7, 0.0, 0.0, -0.4]


@pytest.fixture(scope="module")
def tuner(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    students = "students: {lambda: 1e-4, threshold: {bicycle: 0.7, bird: -0.4}}\n"
    spec = small_spec(tmp_path_factory.mktemp("tuner"), extra=students)
    return open_tuner(spec, history=":memory:")


@pytest.fixture(scope="module")
def node(tuner: Tuner) -> Node:
    first = [Intent("bicycle", "wheel", "up", 3.0), Intent("bird", "fur", "remove")]
    parent = tuner.fine_tune(tuner.root(), first)
    return tuner.fine_tune(parent, [Intent("bicycle", "wheel", "down")])


@pytest.fixture(scope="module")
def files(tuner: Tuner, node: Node, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return export(tuner, node, tmp_path_factory.mktemp("files") / "out", ALL)


def test_a_card_judges_no_teacher_without_labels(tmp_path):
    given = frames()
    given["labels"] = given["labels"].assign(cat=np.nan)
    students = from_frames(**given, path=tmp_path / "own.zarr").fit()
    card = model_card(students.tuner, students.node)
    assert card["metrics"]["tune"]["cat"]["teacher_knows"] is None
    assert "does not know" not in " ".join(card["limits"])


@pytest.fixture(scope="module")
def undefined(tmp_path_factory) -> dict[str, Path]:
    """The export of students of which one has no positive image in tune."""
    folder, arrays = tmp_path_factory.mktemp("undefined"), small_arrays()
    arrays["label"][arrays["split"] == "tune", 0] = 0
    tuner = open_tuner(small_spec(folder, make=lambda: arrays), history=":memory:")
    return export(tuner, tuner.root(), folder / "out", ["sklearn"])


def test_an_undefined_metric_is_null_in_the_card_s_json(undefined):
    card = json.loads(undefined["card_json"].read_text())
    ap = card["metrics"]["tune"]["bicycle"]["ap"]
    assert ap == dict.fromkeys(("estimate", "low", "high"))


def test_an_undefined_metric_is_called_so_in_the_card(undefined):
    assert re.search(r"\| bicycle \| 0 \| undefined \|", undefined["card"].read_text())


def test_a_card_tells_a_class_of_few_positives(undefined):
    assert "Few positive images in tune" in undefined["card"].read_text()


@pytest.fixture(scope="module")
def archive(files) -> dict[str, np.ndarray]:
    """The arrays of the NPZ, read by NumPy alone."""
    with np.load(files["npz"], allow_pickle=False) as opened:
        return {name: opened[name] for name in opened.files}


def test_arrays_of_the_npz_give_the_logits(tuner, node, archive):
    logits = tuner.store.concept_score @ archive["weights"] + archive["intercepts"]
    np.testing.assert_allclose(logits, tuner.logits(node), rtol=0, atol=1e-6)


def test_the_npz_has_classes_with_thresholds(tuner, archive):
    assert archive["classes"].tolist() == tuner.store.classes
    assert archive["thresholds"].tolist() == THRESHOLDS


def test_the_npz_has_the_concepts(tuner, archive):
    assert archive["concepts"].tolist() == tuner.store.concepts


def test_the_npz_has_the_card(archive, files):
    assert json.loads(str(archive["card"])) == json.loads(files["card_json"].read_text())


def test_the_onnx_file_is_valid(files):
    onnx = pytest.importorskip("onnx")
    onnx.checker.check_model(onnx.load(files["onnx"]), full_check=True)


@pytest.fixture(scope="module")
def session(files):
    """The ONNX network in ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    return runtime.InferenceSession(files["onnx"], providers=["CPUExecutionProvider"])


def test_the_onnx_network_gives_the_logits(session, tuner, node):
    (logits,) = session.run([session.get_outputs()[0].name], {"score": tuner.store.concept_score})
    np.testing.assert_allclose(logits, tuner.logits(node), rtol=0, atol=1e-6)


def test_the_onnx_network_gives_probabilities(session, tuner, node):
    _, probabilities, _ = session.run(None, {"score": tuner.store.concept_score})
    np.testing.assert_allclose(probabilities, expit(tuner.logits(node)), rtol=0, atol=1e-6)


def test_the_onnx_network_decides_by_the_thresholds(session, tuner, node):
    *_, decisions = session.run(None, {"score": tuner.store.concept_score})
    np.testing.assert_array_equal(decisions, tuner.logits(node) > THRESHOLDS)


def test_the_onnx_file_names_its_columns(session, tuner):
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["classes"]) == tuner.store.classes
    assert json.loads(facts["concepts"]) == tuner.store.concepts


def test_the_onnx_file_has_the_card(session, node):
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["card"])["node"]["weights_hash"] == node.weights_hash


@pytest.mark.parametrize("kind", ALL)
def test_every_format_loads_as_an_estimator(tuner, node, files, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DifferenceWarning)  # nothing differs
        students = load_students(files[kind], against=tuner.store)
    scores = pd.DataFrame(tuner.store.concept_score, columns=tuner.store.concepts)
    logits = tuner.logits(node)
    np.testing.assert_allclose(students.decision_function(scores), logits, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(students.predict(scores), logits > THRESHOLDS)
    assert list(students.class_names_) == tuner.store.classes
    assert list(students.feature_names_in_) == tuner.store.concepts
    assert students.card_["title"] == "Small"
    assert students.lower[tuner.store.concepts.index("fur"), 3] == 0


def test_the_same_node_gives_the_same_bytes(tuner, node, files, tmp_path):
    again = export(tuner, node, tmp_path / "again", ALL)
    for what, path in files.items():
        assert path.read_bytes() == again[what].read_bytes(), what


def test_the_hash_in_the_json_is_that_of_its_facts(files):
    document = json.loads(files["sklearn"].read_text())
    facts = {name: document[name] for name in ("classes", "concepts", "card")}
    facts["thresholds"] = document["threshold"]
    facts["weights_hash"] = document["card"]["node"]["weights_hash"]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    assert document["sha256"] == hashlib.sha256(text.encode("ascii")).hexdigest()


@pytest.fixture(scope="module")
def card(files) -> dict:
    return json.loads(files["card_json"].read_text())


def test_the_card_names_the_data(tuner, card):
    store = tuner.store
    assert card["data"]["content_hash"] == store.content_hash
    for name in ("inputs_hash", "encoder", "preprocessing", "corpus", "teacher"):
        assert card["data"][name] == store.attrs[name]


def test_the_card_names_settings_of_the_distillation(node, card):
    assert card["distillation"]["lambda"] == 1e-4
    assert card["distillation"]["temperature"] == 1
    assert card["distillation"]["solver"] == "exact"
    assert card["nonzero"]["bird"] == np.count_nonzero(node.weights[:, 3])


def test_the_card_has_the_certificate(card):
    assert {found["kind"] for found in card["certificate"].values()} == {"gap"}
    assert all(found["value"] <= 1e-6 for found in card["certificate"].values())


def test_the_card_has_the_version_of_the_store(card):
    assert card["versions"]["store_format"] == 1


def test_the_card_tells_the_limits_of_its_metrics(card):
    assert any("likely too optimistic" in sentence for sentence in card["limits"])


def test_the_card_has_metrics_of_tune_with_intervals(tuner, node, card):
    store = tuner.store
    assert set(card["metrics"]) == {"tune"}
    found, rows = card["metrics"]["tune"]["bicycle"], store.rows("tune")
    label, logit = store.label[rows, 0], tuner.logits(node)[rows, 0]
    assert found["ap"]["estimate"] == pytest.approx(average_precision(label, logit), abs=1e-12)
    alike = np.mean((logit > THRESHOLDS[0]) == (store.teacher_logit[rows, 0] > THRESHOLDS[0]))
    assert found["fidelity"]["estimate"] == pytest.approx(alike, abs=1e-12)
    for metric in ("ap", "teacher_ap", "fidelity", "accuracy", "recall"):
        assert found[metric]["low"] <= found[metric]["estimate"] <= found[metric]["high"]


def test_the_card_and_a_frame_of_metrics_name_the_methods_of_intervals(tuner, node, files):
    """Which metric has which interval is tested in test_few_images.py."""
    methods = "Wilson's for shares of images and F1, else bootstrap over images (200 draws, seed 0)"
    text = files["card"].read_text()
    assert f"In brackets the 95 % interval: {methods}." in text
    title = metrics(tuner, node, "tune").attrs["title"]
    assert title.endswith(f"tuning images; intervals: {methods}")
    assert "interval" not in metrics(tuner, node, "tune", intervals=False).attrs["title"]


@pytest.mark.parametrize(("low", "high", "mark"), [(0.1, 0.3, ""), (0.0, 0.1, "°")])
def test_the_card_marks_an_estimate_outside_of_its_interval(card, low, high, mark):
    changed = copy.deepcopy(card)
    for facts in changed["metrics"]["tune"].values():
        facts["ece"] = Interval(0.1, 0.05, 0.2).json()
    changed["metrics"]["tune"]["bicycle"]["ece"] = Interval(0.2, low, high).json()
    text = card_markdown(changed)
    assert f"| 0.200 [{low:.3f}, {high:.3f}]{mark} |" in text
    assert text.count("° The estimate lies outside its interval") == len(mark)


@pytest.fixture(scope="module")
def with_holdout(tmp_path_factory) -> tuple[Tuner, dict[str, Path]]:
    """A tuner, and its export for which the holdout was requested."""
    folder = tmp_path_factory.mktemp("holdout")
    tuner = open_tuner(small_spec(folder), history=":memory:")
    return tuner, export(tuner, tuner.root(), folder / "asked", ["npz"], holdout=True)


def test_the_holdout_is_in_the_card_on_request(with_holdout):
    _, asked = with_holdout
    assert set(json.loads(asked["card_json"].read_text())["metrics"]) == {"tune", "holdout"}
    assert "## Metrics on the split holdout" in asked["card"].read_text()


def test_a_look_of_an_export_at_the_holdout_is_counted(with_holdout):
    tuner, asked = with_holdout
    looks = json.loads(asked["card_json"].read_text())["holdout_looks"]
    assert looks == {"this_node": 1, "all_nodes": 1}
    assert tuner.looks() == 1


def test_a_card_says_that_the_holdout_was_seen(with_holdout):
    assert "seen once" in with_holdout[1]["card"].read_text()


def test_a_card_says_that_the_holdout_was_never_seen(files):
    assert "never seen" in files["card"].read_text()


def test_an_interval_is_plain_text_in_a_card():
    told = "AP 0.52 [0.46, 0.58] falls by \u22120.10 [\u22120.20, +0.01]"
    assert escape(told) == told


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://a.b/c.png)", "`a`",
        "**a** _b_ ~~c~~", "# a", "1. a", "- a", "+ a", "a | b", "https://a.example", "www.a.org",
        "me@a.example", "&lt;b&gt;", "--- ", "===", "> a", "a\n\n# b", "WWW.a.org", "\\", "\\|",
        "12. ", "* a", ":smile:", "$x$", "@user", "#12", "~~~", "```", "    code", "1) a",
        "1 [0.1, 0.2](http://a.b)", "1 [0.1, 0.2][a]", "2 [0.1, 0.2]: http://a.b",
    ],
)  # fmt: skip
def test_markdown_in_names_does_nothing(text):
    tokens = MarkdownIt("gfm-like").parse(escape(text))
    inline = [child for token in tokens for child in token.children or []]
    assert "".join(child.content for child in inline) == " ".join(text.split())
    plain = {"inline", "text", "paragraph_open", "paragraph_close", "text_special"}
    assert {token.type for token in [*tokens, *inline]} <= plain


def test_hostile_names_reach_every_file_unharmed(tmp_path):
    arrays = small_arrays()
    hostile = ["<script>alert(1)</script>", "a|b", "`x`\n# y", "é ü 犬"]
    arrays["concept"] = np.array([*hostile, *map(str, arrays["concept"][4:])])
    arrays["class_name"] = np.array([name.upper() for name in hostile])
    spec = small_spec(tmp_path, make=lambda: arrays, title="<img src=x onerror=a()>")
    tuner = open_tuner(spec, history=":memory:")
    node = tuner.fine_tune(tuner.root(), [Intent(hostile[0].upper(), hostile[2], "remove")])
    files = export(tuner, node, tmp_path / "out", ALL)
    for kind in ALL:
        students = load_export(files[kind])
        names = [*students.concepts, *students.classes]
        assert names == [*tuner.store.concepts, *tuner.store.classes]
    html = MarkdownIt("gfm-like").render(files["card"].read_text())
    assert not re.findall(r"<(?:script|img|a|code)\b", html.replace("<pre><code>", ""))
    [[intent]] = read_edits(files["edits"], tuner.store)
    assert intent.concept == hostile[2]


EDITS = """\
- - {class: bicycle, concept: wheel, direction: up}
- - {class: bird, concepts: [fur, hair], direction: down, factor: 4}
"""


@pytest.fixture
def last_of(run, tmp_path):
    """A function: the last iteration of a file of edits, in a history of this name."""
    spec = small_spec(tmp_path)

    def last(edits: object, history: str) -> dict:
        _, out, _ = run("tune", spec, "--edits", edits, "--json", "--history", tmp_path / history)
        return json.loads(out)["iterations"]["rows"][-1]

    return last


@pytest.fixture
def last(last_of, tmp_path) -> dict:
    (tmp_path / "edits.yaml").write_text(EDITS)
    return last_of(tmp_path / "edits.yaml", "h.sqlite")


@pytest.fixture
def command(last, run, tmp_path):
    """A function: runs ``export`` of the last iteration, with more flags."""
    formats = ["--format", "npz", "--format", "onnx", "--format", "sklearn", "--json"]
    place = ["--output", tmp_path / "out", "--node", last["id"], "--history", tmp_path / "h.sqlite"]
    return lambda *more: run("export", tmp_path / "small.yaml", *formats, *place, *more)


@pytest.fixture
def document(command) -> dict:
    status, out, err = command()
    assert status == 0
    assert err == ""
    return json.loads(out)


def test_the_command_exports_an_iteration(document, last):
    assert document["weights_hash"] == last["weights_hash"]


def test_the_command_replaces_an_export_with_force(document, command):
    status, out, err = command("--force")
    assert [status, err] == [0, ""]
    assert json.loads(out) == document


def test_the_command_writes_all_formats(document, last):
    for kind in ALL:
        assert load_export(document["files"][kind]).card["node"]["id"] == last["id"]


def test_exported_edits_give_the_same_iteration(document, last, last_of):
    again = last_of(document["files"]["edits"], "other.sqlite")
    assert again["weights_hash"] == last["weights_hash"]
    assert again["id"] == last["id"]


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


@pytest.fixture
def place(tuner, node, tmp_path) -> Path:
    """The folder of an export."""
    export(tuner, node, tmp_path / "out", ALL)
    return tmp_path / "out"


def test_an_export_is_not_replaced_unless_asked(tuner, place):
    with pytest.raises(ExportError, match="already exists"):
        export(tuner, tuner.root(), place)


def test_a_folder_with_other_files_is_not_replaced(tuner, place):
    before = (place / "students.npz").read_bytes()
    (place / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match=r"thesis\.tex"):
        export(tuner, tuner.root(), place, force=True)
    assert (place / "students.npz").read_bytes() == before


def test_a_file_is_not_replaced(tuner, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match="is not a folder"):
        export(tuner, tuner.root(), tmp_path / "thesis.tex", force=True)


def test_an_export_is_replaced_whole_when_asked(tuner, place):
    again = export(tuner, tuner.root(), place, ["npz"], force=True)
    assert names(place) == {"students.npz", "README.md", "card.md", "card.json", "edits.yaml"}
    assert load_export(again["npz"]).card["node"]["id"] == tuner.root().id
    assert names(place.parent) == {"out"}


@pytest.mark.parametrize("name", ["new", "out"])
def test_an_export_that_fails_leaves_all_as_it_was(tuner, place, monkeypatch, name):
    before = {path: path.read_bytes() for path in place.iterdir()}
    fail = Mock(side_effect=OSError("no space left"))
    monkeypatch.setattr(exporting, "card_markdown", fail)
    with pytest.raises(OSError, match="no space"):
        export(tuner, tuner.root(), place.parent / name, force=True)
    assert names(place.parent) == {"out"}
    assert {path: path.read_bytes() for path in place.iterdir()} == before


@pytest.mark.parametrize(
    ("formats", "error", "told"),
    [
        (["onxx"], ExportError, "Did you mean 'onnx'"),
        ([], ExportError, "No format"),
        (["npz", "onnx"], MissingExtraError, r"\[onnx\]"),
    ],
)
def test_formats_that_cannot_be_written_are_refused(
    tuner, tmp_path, monkeypatch, formats, error, told
):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(error, match=told):
        export(tuner, tuner.root(), tmp_path / "new", formats)
    assert not (tmp_path / "new").exists()


def test_what_differs_is_said(tuner, files, tmp_path, monkeypatch):
    other = small_store(tmp_path / "other.zarr", seed=1)
    (found,) = differences(load_export(files["npz"]), other)
    hashed = tuner.store.content_hash[:12]
    assert found == f"The store's content_hash is not the export's ({hashed}…)."
    arrays = small_arrays(concepts=28)
    arrays["class_name"] = arrays["class_name"][::-1]
    write_store(tmp_path / "less.zarr", arrays, {**ATTRS, "encoder": "another"})
    monkeypatch.setattr(exporting, "__version__", "9.9")
    with pytest.warns(DifferenceWarning) as caught:
        load_students(files["sklearn"], against=tmp_path / "less.zarr")
    text = "\n".join(str(warning.message) for warning in caught)
    for said in (
        "inficond-panel 0",
        "'another'",
        "2 concepts of the export are not in the store",
        "classes of the store are in another order",
    ):
        assert said in text


def test_a_file_that_is_cut_not_there_forged_or_edited_is_refused(files, tmp_path):
    for kind in ALL:
        cut = tmp_path / f"cut{files[kind].suffix}"
        cut.write_bytes(files[kind].read_bytes()[:-100])
        with pytest.raises(ExportError):
            load_export(cut)
    with pytest.raises(ExportError, match="There is no export"):
        load_export(tmp_path / "nowhere")
    with pytest.raises(ExportError, match="has no exported students"):
        load_export(tmp_path)
    onnx = pytest.importorskip("onnx")
    model = onnx.load(files["onnx"])
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="pipe")
    (tmp_path / "bad.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match="in other files"):
        load_export(tmp_path / "bad.onnx")
    card, place = json.loads(files["card_json"].read_text()), tmp_path / "forged.json"

    def refused(told: str, **changes) -> None:
        document = {**json.loads(files["sklearn"].read_text()), **changes}
        students = Exported(
            np.array(document["coef"], float).T, np.array(document["intercept"], float),
            document["classes"], document["concepts"], document["threshold"], document["card"],
        )  # fmt: skip
        place.write_text(json.dumps({**document, "sha256": students.sha256}))
        with pytest.raises(ExportError, match=told):
            load_students(place)

    refused("threshold is not finite", threshold=[float("inf"), 0.0, 0.0, 0.0])
    refused("format 2, of a newer version", format_version=2)
    for part in ("certificate", "distillation", "bounds", "versions"):
        # there may be no bounds
        for value in (3, "x", [3], *([[], {}] if part != "bounds" else [])):
            refused("no complete export", card={**card, part: value})
    for change in (
        lambda d: d["coef"][0].__setitem__(0, d["coef"][0][0] + 1e-9),
        lambda d: d["threshold"].__setitem__(0, 5),
        lambda d: d["threshold"].__setitem__(0, float("nan")),
        lambda d: d["classes"].insert(1, d["classes"].pop(0)),
        lambda d: d["concepts"].insert(1, d["concepts"].pop(0)),
        lambda d: d["card"].update(title="Other"),
        lambda d: d["card"]["bounds"].clear(),
        lambda d: d["card"].pop("bounds"),
        lambda d: d["card"].update(task="both"),
        lambda d: d["card"]["distillation"].update(link="probit"),
        lambda d: d.pop("sha256"),
    ):
        document = json.loads(files["sklearn"].read_text())
        change(document)
        (tmp_path / "edited.json").write_text(json.dumps(document))
        told = r"no complete export: .*(hash differs|sha256|its task|its link)"
        with pytest.raises(ExportError, match=told):
            load_students(tmp_path / "edited.json")


LARGE = "1" + 400 * "0"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        f'{{"coef": [[{LARGE}.5]], "intercept": [0], "threshold": [0]}}',
        f'{{"coef": [[{LARGE}]], "intercept": [0], "threshold": [0]}}',
        "[]",
        "3",
        '{"format": "inficond-students"}',
    ],
    ids=["deep", "large fraction", "large number", "list", "number", "no students"],
)
def test_json_without_students_is_refused(tmp_path, text):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(ExportError, match="no complete export"):
        load_export(tmp_path / "bad.json")


def test_an_npz_that_claims_too_much_is_refused(tmp_path):
    header = io.BytesIO()
    claims = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 1_500_000)}
    np.lib.format.write_array_header_1_0(header, claims)
    with zipfile.ZipFile(tmp_path / "bad.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.npy", header.getvalue())
    with pytest.raises(ExportError, match="no complete export: it lacks format"):
        load_export(tmp_path / "bad.npz")


def test_an_npz_of_objects_is_refused(tmp_path):
    np.savez(tmp_path / "bad.npz", format=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ExportError, match="no complete export"):
        load_export(tmp_path / "bad.npz")

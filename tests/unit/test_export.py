"""Exports: what each format holds, that it predicts the same, replays, and is written whole."""

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
from inficond_panel.distill import average_precision
from inficond_panel.errors import DifferenceWarning, ExportError, MissingExtraError
from inficond_panel.export import FORMATS, Exported, differences, export, load_export
from inficond_panel.export import folder as exporting
from inficond_panel.export.card_markdown import escape
from inficond_panel.export.model_card import model_card
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


def test_a_card_has_undefined_metrics_and_judges_no_teacher_without_labels(tmp_path):
    given = frames()
    given["labels"] = given["labels"].assign(cat=np.nan)
    students = from_frames(**given, path=tmp_path / "own.zarr").fit()
    card = model_card(students.tuner, students.node)
    assert card["metrics"]["tune"]["cat"]["teacher_knows"] is None
    assert "does not know" not in " ".join(card["limits"])
    arrays = small_arrays()
    arrays["label"][arrays["split"] == "tune", 0] = 0
    tuner = open_tuner(small_spec(tmp_path, make=lambda: arrays), history=":memory:")
    files = export(tuner, tuner.root(), tmp_path / "out", ["sklearn"])
    undefined = dict.fromkeys(("estimate", "low", "high"))
    card = json.loads(files["card_json"].read_text())
    assert card["metrics"]["tune"]["bicycle"]["ap"] == undefined
    assert re.search(r"\| bicycle \| 0 \| undefined \|", files["card"].read_text())
    assert "Few positive images in tune" in files["card"].read_text()


def test_npz_needs_nothing_but_numpy_and_onnx_runs(tuner, node, files):
    with np.load(files["npz"], allow_pickle=False) as archive:
        found = {name: archive[name] for name in archive.files}
    logits = tuner.store.concept_score @ found["weights"] + found["intercepts"]
    np.testing.assert_allclose(logits, tuner.logits(node), rtol=0, atol=1e-6)
    assert found["classes"].tolist() == tuner.store.classes
    assert found["concepts"].tolist() == tuner.store.concepts
    assert found["thresholds"].tolist() == THRESHOLDS
    assert json.loads(str(found["card"])) == json.loads(files["card_json"].read_text())
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    onnx.checker.check_model(onnx.load(files["onnx"]), full_check=True)
    session = runtime.InferenceSession(files["onnx"], providers=["CPUExecutionProvider"])
    logits, probabilities, decisions = session.run(None, {"score": tuner.store.concept_score})
    expected = tuner.logits(node)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(probabilities, expit(expected), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(decisions, expected > THRESHOLDS)
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["classes"]) == tuner.store.classes
    assert json.loads(facts["concepts"]) == tuner.store.concepts
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


def test_the_same_node_gives_the_same_bytes_and_hash_of_the_json(tuner, node, files, tmp_path):
    again = export(tuner, node, tmp_path / "again", ALL)
    for what, path in files.items():
        assert path.read_bytes() == again[what].read_bytes(), what
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


def test_the_holdout_is_shown_on_request_and_counted(files, tmp_path):
    tuner = open_tuner(small_spec(tmp_path), history=":memory:")
    asked = export(tuner, tuner.root(), tmp_path / "asked", ["npz"], holdout=True)
    card = json.loads(asked["card_json"].read_text())
    assert set(card["metrics"]) == {"tune", "holdout"}
    assert card["holdout_looks"] == {"this_node": 1, "all_nodes": 1}
    assert tuner.looks() == 1
    assert "## Metrics on the split holdout" in asked["card"].read_text()
    assert "seen once" in asked["card"].read_text()
    assert "never seen" in files["card"].read_text()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://a.b/c.png)", "`a`",
        "**a** _b_ ~~c~~", "# a", "1. a", "- a", "+ a", "a | b", "https://a.example", "www.a.org",
        "me@a.example", "&lt;b&gt;", "--- ", "===", "> a", "a\n\n# b", "WWW.a.org", "\\", "\\|",
        "12. ", "* a", ":smile:", "$x$", "@user", "#12", "~~~", "```", "    code", "1) a",
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


def test_command_line_exports_and_replays(run, tmp_path):
    spec = small_spec(tmp_path)
    (tmp_path / "edits.yaml").write_text(
        "- - {class: bicycle, concept: wheel, direction: up}\n"
        "- - {class: bird, concepts: [fur, hair], direction: down, factor: 4}\n"
    )

    def last_of(edits: object, history: str) -> dict:
        _, out, _ = run("tune", spec, "--edits", edits, "--json", "--history", tmp_path / history)
        return json.loads(out)["iterations"]["rows"][-1]

    last = last_of(tmp_path / "edits.yaml", "h.sqlite")
    formats = ["--format", "npz", "--format", "onnx", "--format", "sklearn", "--json"]
    place = ["--output", tmp_path / "out", "--node", last["id"], "--history", tmp_path / "h.sqlite"]
    status, out, err = run("export", spec, *formats, *place)
    assert (status, err) == (0, "")
    assert run("export", spec, *formats, *place, "--force") == (0, out, "")
    document = json.loads(out)
    assert document["weights_hash"] == last["weights_hash"]
    for kind in ALL:
        assert load_export(document["files"][kind]).card["node"]["id"] == last["id"]
    again = last_of(document["files"]["edits"], "other.sqlite")
    assert (again["weights_hash"], again["id"]) == (last["weights_hash"], last["id"])


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def test_an_export_is_whole_and_replaced_only_when_asked(tuner, node, tmp_path, monkeypatch):
    place, root = tmp_path / "out", tuner.root()
    before = export(tuner, node, place, ALL)["npz"].read_bytes()
    with pytest.raises(ExportError, match="already exists"):
        export(tuner, root, place)
    (place / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match=r"thesis\.tex"):
        export(tuner, root, place, force=True)
    assert (place / "students.npz").read_bytes() == before
    (place / "thesis.tex").rename(tmp_path / "thesis.tex")
    with pytest.raises(ExportError, match="is not a folder"):
        export(tuner, root, tmp_path / "thesis.tex", force=True)
    again = export(tuner, root, place, ["npz"], force=True)
    assert names(place) == {"students.npz", "README.md", "card.md", "card.json", "edits.yaml"}
    assert load_export(again["npz"]).card["node"]["id"] == root.id
    assert names(tmp_path) == {"out", "thesis.tex"}
    before = {path: path.read_bytes() for path in place.iterdir()}
    fail = Mock(side_effect=OSError("no space left"))
    monkeypatch.setattr(exporting, "card_markdown", fail)
    for name in ("new", "out"):
        with pytest.raises(OSError, match="no space"):
            export(tuner, root, tmp_path / name, force=True)
    assert names(tmp_path) == {"out", "thesis.tex"}
    assert {path: path.read_bytes() for path in place.iterdir()} == before
    monkeypatch.setitem(sys.modules, "onnx", None)
    for formats, error, told in (
        (["onxx"], ExportError, "Did you mean 'onnx'"),
        ([], ExportError, "No format"),
        (["npz", "onnx"], MissingExtraError, r"\[onnx\]"),
    ):
        with pytest.raises(error, match=told):
            export(tuner, root, tmp_path / "new", formats)
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
    refused("version 2", format_version=2)
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


def test_json_without_students_and_an_npz_that_claims_too_much_are_refused(tmp_path):
    for text in (
        "[" * 100_000,
        f'{{"coef": [[{LARGE}.5]], "intercept": [0], "threshold": [0]}}',
        f'{{"coef": [[{LARGE}]], "intercept": [0], "threshold": [0]}}',
        "[]",
        "3",
        '{"format": "inficond-students"}',
    ):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ExportError, match="no complete export"):
            load_export(tmp_path / "bad.json")
    header = io.BytesIO()
    claims = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 1_500_000)}
    np.lib.format.write_array_header_1_0(header, claims)
    place = tmp_path / "bad.npz"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.npy", header.getvalue())
    with pytest.raises(ExportError, match="no complete export: it lacks format"):
        load_export(place)
    np.savez(place, format=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ExportError, match="no complete export"):
        load_export(place)

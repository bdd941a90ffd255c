"""A pocket from end to end: learned, written, run by onnxruntime alone, and predicted from."""

import io
import json
from contextlib import redirect_stdout

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("timm")

import holoviews as hv
import onnxruntime
import timm
import torch
from network_factory import CLASSES, network_spec
from PIL import Image
from scipy.special import expit

from inficond_panel import TunableStudents
from inficond_panel.cli import main
from inficond_panel.common.interval import Interval
from inficond_panel.errors import DataError, ExportError
from inficond_panel.export.pocket.certificate import POCKET_ROW, TEACHER_ROW
from inficond_panel.export.pocket.cost import Cost
from inficond_panel.export.pocket.folder import MODEL, REFERENCE, dearer_sentence, loss_sentence
from inficond_panel.export.pocket.learn import REFITTED, SAME, learn_pocket, trunk_name
from inficond_panel.export.pocket.reading import load_pocket
from inficond_panel.tuning import open_tuner
from inficond_panel.vocabulary.splits import FIT, TUNE

pytestmark = [pytest.mark.torch, pytest.mark.commands]

SIDE = 64


def trunk_file(folder):
    """Weights of a small timm network, with a classifier of its own."""
    torch.manual_seed(1)
    file = folder / "trunk.pt"
    torch.save(timm.create_model("test_resnet", num_classes=5).state_dict(), file)
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Spec, weights of a trunk, and a pocket of it that the command wrote."""
    folder = tmp_path_factory.mktemp("pocket")
    spec, file, out = network_spec(folder), trunk_file(folder), folder / "out"
    words = ["pocket", spec, "--history", folder / "h.sqlite", "--output", out]
    words += ["--backbone", f"timm:test_resnet:{file}", "--size", SIDE, "--json"]
    assert main([str(word) for word in words]) == 0
    return spec, file, out


@pytest.fixture(scope="module")
def learned(made):
    spec, file, _ = made
    tuner = open_tuner(spec, history=":memory:")
    return learn_pocket(tuner, tuner.root(), trunk_name(f"timm:test_resnet:{file}", SIDE))


@pytest.fixture(scope="module")
def photos(made):
    return sorted((made[0].parent / "data" / "images").glob("*.png"))[:5]


def pixels(photo, facts):
    """Input of the network by the metadata alone."""
    steps = facts["preprocessing"]
    image = Image.open(photo).convert("RGB").resize(
        tuple(steps["size"]), Image.Resampling[steps["interpolation"].upper()]
    )  # fmt: skip
    values = (np.asarray(image, np.float32) / 255 - steps["mean"]) / steps["std"]
    return values.transpose(2, 0, 1)[None].astype(np.float32)


@pytest.fixture(scope="module")
def run(made, photos):
    """Outputs of the file in onnxruntime alone, by name, and its metadata."""
    session = onnxruntime.InferenceSession(str(made[2] / MODEL))
    found = session.get_modelmeta().custom_metadata_map
    facts = {key: json.loads(value) for key, value in found.items()}
    names = [each.name for each in session.get_outputs()]
    batch = np.concatenate([pixels(photo, facts) for photo in photos])
    return dict(zip(names, session.run(names, {"pixels": batch}), strict=True)), facts


def test_the_scores_are_those_of_the_layer_on_the_features_of_timm(made, photos, run, learned):
    model = timm.create_model("test_resnet", num_classes=5)
    model.load_state_dict(torch.load(made[1], weights_only=True))
    batch = torch.from_numpy(np.concatenate([pixels(photo, run[1]) for photo in photos]))
    with torch.inference_mode():
        model = model.eval()
        features = model.forward_head(model.forward_features(batch), pre_logits=True).numpy()
    expected = np.sqrt(features) @ learned.layer.weight + learned.layer.bias
    np.testing.assert_allclose(run[0]["score"], expected, atol=1e-4)


def test_the_logits_are_those_of_the_metadata(run):
    outputs, facts = run
    expected = outputs["score"] @ np.array(facts["weights"]).T + facts["intercepts"]
    np.testing.assert_allclose(outputs["logits"], expected, atol=1e-6)


def test_contributions_sum_to_the_logit_less_its_base(run):
    outputs, facts = run
    np.testing.assert_allclose(
        outputs["contributions"].sum(axis=2) + facts["base"], outputs["logits"], atol=1e-6
    )


def test_a_contribution_is_weight_times_score_less_its_mean(run):
    outputs, facts = run
    centred = outputs["score"][2] - np.array(facts["mean_score"])
    np.testing.assert_allclose(
        outputs["contributions"][2, 1], np.array(facts["weights"])[1] * centred, atol=1e-6
    )


def test_probabilities_are_the_sigmoid_of_the_logits(run):
    np.testing.assert_allclose(run[0]["probabilities"], expit(run[0]["logits"]), atol=1e-12)


def test_only_used_concepts_are_in_the_file(run, learned):
    used = (learned.node.weights != 0).any(axis=1)
    names = np.array(learned.tuner.store.concepts)[used].tolist()
    assert run[1]["concepts"] == names


def test_the_operators_are_of_onnx_itself(made):
    import onnx

    model = onnx.load(made[2] / MODEL)
    assert {(each.domain, each.version) for each in model.opset_import} == {("", 17)}


def test_the_refit_sees_scores_of_images_that_the_layer_has_not_seen(learned):
    features = learned.features(FIT)
    seen = learned.layer.values(features)
    own = learned.tuner.store.scores_of(FIT)[:, learned.used]
    error = [((each - own) ** 2).mean() for each in (learned.scores(FIT), seen)]
    assert error[0] > error[1]


def test_students_as_they_are_keep_their_weights(learned):
    np.testing.assert_array_equal(learned.kinds[SAME].weights, learned.node.weights[learned.used])


def test_the_kind_with_the_higher_ap_on_tune_is_chosen(learned):
    from sklearn.metrics import average_precision_score

    store = learned.tuner.store
    label = store.label[store.rows(TUNE)]

    def ap(kind):
        logits = learned.logits(TUNE, kind)
        known = [label[:, k] >= 0 for k in range(len(CLASSES))]
        return np.mean([average_precision_score(label[of, k] == 1, logits[of, k])
                        for k, of in enumerate(known) if (label[of, k] == 1).any()])  # fmt: skip

    assert ap(learned.kind) == max(ap(SAME), ap(REFITTED))


def test_a_bound_holds_in_the_refitted_students(made):
    spec, file, _ = made
    tuner = open_tuner(spec, history=":memory:")
    tuner.spec.tuning.refit = "all"
    students = TunableStudents(tuner)
    node = students.remove(CLASSES[0], "leaf").node
    pocket = learn_pocket(tuner, node, trunk_name(f"timm:test_resnet:{file}", SIDE))
    if "leaf" in pocket.concepts:  # another class uses it
        assert pocket.kinds[REFITTED].weights[pocket.concepts.index("leaf"), 0] == 0


def predicted(capsys, *words):
    assert main(["predict", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_predict_takes_the_file_alone(capsys, made, photos, run):
    found = predicted(capsys, "--model", made[2] / MODEL, photos[0])
    logits = [row["student_logit"] for row in found["decisions"]["rows"]]
    np.testing.assert_allclose(logits, run[0]["logits"][0], atol=1e-5)


def test_parts_of_a_prediction_sum_to_its_logit(capsys, made, photos):
    found = predicted(capsys, "--model", made[2] / MODEL, photos[0], "--explain")
    first = found["decisions"]["rows"][0]
    parts = [row["logit"] for row in found["parts"]["rows"] if row["class"] == first["class"]]
    assert sum(parts) == pytest.approx(first["student_logit"])


def test_predict_abstains_by_the_file_beside_the_model(capsys, made, photos):
    found = predicted(capsys, "--model", made[2] / MODEL, photos[0], "--abstain", 0.5)
    assert {row["class"] for row in found["abstain"]["rows"]} == set(CLASSES)


def test_predict_tests_for_drift(capsys, made):
    shown = sorted((made[0].parent / "data" / "images").glob("*.png"))[:30]
    found = predicted(capsys, "--model", made[2] / MODEL, *shown, "--drift")
    assert found["drift"]["photos"] == 30


def test_photos_with_the_red_and_green_swapped_drift(capsys, made, tmp_path):
    shown = sorted((made[0].parent / "data" / "images").glob("*.png"))[:40]
    for photo in shown:
        swapped = np.asarray(Image.open(photo))[:, :, ::-1] // 3
        Image.fromarray(np.ascontiguousarray(swapped)).save(tmp_path / photo.name)
    found = predicted(capsys, "--model", made[2] / MODEL, *sorted(tmp_path.glob("*")), "--drift")
    assert found["drift"]["alarm"]


def copied(made, tmp_path, *names):
    for name in names:
        (tmp_path / name).write_bytes((made[2] / name).read_bytes())
    return tmp_path / MODEL


def test_abstaining_without_the_file_beside_the_model_is_refused(made, tmp_path):
    pocket = load_pocket(copied(made, tmp_path, MODEL))
    with pytest.raises(ExportError, match="missing or damaged"):
        pocket.abstaining(0.9)


def test_a_file_of_another_pocket_beside_the_model_is_refused(made, tmp_path):
    pocket = load_pocket(copied(made, tmp_path, MODEL, REFERENCE))
    with np.load(tmp_path / REFERENCE) as arrays:
        held = dict(arrays)
    np.savez(tmp_path / REFERENCE, **{**held, "weights_hash": np.array("0" * 64)})
    with pytest.raises(ExportError, match="another pocket"):
        pocket.abstaining(0.9)


def changed(made, tmp_path, **values):
    """The model with other metadata."""
    import onnx

    model = onnx.load(made[2] / MODEL)
    held = {each.key: each.value for each in model.metadata_props}
    onnx.helper.set_model_props(model, {**held, **values})
    onnx.save(model, tmp_path / MODEL)
    return tmp_path / MODEL


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", '"another"', "is no pocket"),
        ("format_version", "99", "has format 99, of a newer version"),
        ("intercepts", "[0, 0, 0, 0]", "hash differs"),
        ("intercepts", "[0]", "expected"),
        ("link", '"probit"', "link is 'probit'"),
        ("classes", "3", "no complete pocket"),
        ("preprocessing", '{"size": [1000000, 8]}', "1000000 x 8 pixels"),
    ],
)
def test_a_damaged_pocket_is_refused(made, tmp_path, key, value, message):
    with pytest.raises(ExportError, match=message):
        load_pocket(changed(made, tmp_path, **{key: value}))


@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x08\x08"])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    file = tmp_path / "x.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ExportError, match=r"x\.onnx"):
        load_pocket(file)


def test_a_photo_that_cannot_be_read_is_skipped(capsys, made, photos, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    found = predicted(capsys, "--model", made[2] / MODEL, tmp_path / "broken.jpg", photos[0])
    assert list(found["decisions"]["faults"]) == [str(tmp_path / "broken.jpg")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["my.yaml", "a.jpg"], "my.yaml is a spec"),
        (["a.jpg", "--node", "1"], "--node has no effect"),
        (["a.jpg", "--spec", "my.yaml"], "--spec has no effect"),
        (["a.jpg", "--device", "cpu"], "--device has no effect"),
    ],
)
def test_a_flag_of_a_spec_is_refused(capsys, made, words, message):
    assert main(["predict", "--model", str(made[2] / MODEL), *words]) != 0
    assert message in capsys.readouterr().err


def test_the_card_has_a_hash_of_each_file(made):
    from hashlib import sha256

    card = json.loads((made[2] / "card.json").read_text())
    for name, digest in card["files"].items():
        assert sha256((made[2] / name).read_bytes()).hexdigest() == digest


def test_the_certificate_has_the_metrics_of_the_students(made, learned):
    card = json.loads((made[2] / "card.json").read_text())
    rows = {row["model"]: row for row in card["quality"]["rows"]}
    metrics = learned.tuner.metrics(learned.node, TUNE)
    expected = np.nanmean([each.ap for each in metrics.values()])
    assert rows["students"]["ap"] == pytest.approx(expected)


def test_the_network_s_file_tells_its_ap_and_that_of_the_students(made):
    card = json.loads((made[2] / "card.json").read_text())
    rows = {row["model"]: row["ap"] for row in card["quality"]["rows"]}
    told = load_pocket(made[2] / MODEL).facts["average_precision"]
    assert told["students"] == pytest.approx(rows["students"])
    assert told["pocket"] == pytest.approx(rows["pocket"])


@pytest.mark.parametrize("high", [-0.02, -0.01])
def test_a_loss_of_ap_is_told_if_it_is_large_for_sure(high):
    told = list(loss_sentence(Interval(-0.05, -0.08, high)))
    assert len(told) == (high == -0.02)
    assert all("−5.0 points [−8.0, −2.0]" in each for each in told)


@pytest.mark.parametrize(("teacher", "told"), [(9.4, True), (40.0, False)])
def test_a_pocket_that_takes_longer_than_its_teacher_says_so(teacher, told):
    costs = {TEACHER_ROW: Cost(teacher, 1, 1.0), POCKET_ROW: Cost(23.6, 1, 1.0)}
    assert (
        any("23.6 ms per photo, the teacher 9.4" in each for each in dearer_sentence(costs)) is told
    )


def test_the_groups_of_a_class_are_not_by_its_own_word(made):
    card = json.loads((made[2] / "card.json").read_text())
    groups = [(row["class"], row["group"]) for row in card["groups"]["rows"]]
    assert any(", with " in group for _, group in groups)
    assert not [group for name, group in groups if group.endswith(f", with {name}")]


def test_the_encoder_that_cannot_be_loaded_is_noted(made):
    card = json.loads((made[2] / "card.json").read_text())
    rows = {row["model"]: row for row in card["cost"]["rows"]}
    assert rows["students"]["note"].startswith("not measured")


@pytest.mark.parametrize(
    ("text", "side", "message"),
    [
        ("resnet50", 0, "cannot be read"),
        ("timm:resnet50", 0, "cannot be read"),
        ("timm::x.pt", 0, "cannot be read"),
        ("timm:test_resnet:nothing.pt", 0, "nothing.pt, is missing"),
        ("encoder:x", 0, "cannot be read"),
        ("encoder", 7, "7 pixels"),
        ("encoder", -1, "-1 pixels"),
        ("encoder", 5000, "5000 pixels"),
    ],
)
def test_a_trunk_that_cannot_be_is_refused(text, side, message):
    with pytest.raises(DataError, match=message):
        trunk_name(text, side)


def test_weights_of_another_network_are_refused(made, tmp_path):
    spec, file, _ = made
    tuner = open_tuner(spec, history=":memory:")
    with pytest.raises(DataError, match="does not fit"):
        learn_pocket(tuner, tuner.root(), trunk_name(f"timm:test_vit:{file}", 0))


def test_an_iteration_without_a_weight_is_refused(made):
    spec, file, _ = made
    tuner = open_tuner(spec, history=":memory:").with_students(lambda_=10.0)
    with pytest.raises(ExportError, match="uses a concept"):
        learn_pocket(tuner, tuner.root(), trunk_name(f"timm:test_resnet:{file}", SIDE))


def test_a_folder_that_exists_is_refused_before_anything_is_loaded(capsys, made):
    spec, file, out = made
    words = ["pocket", str(spec), "--output", str(out), "--backbone", f"timm:test_resnet:{file}"]
    assert main(words) != 0
    assert "already exists" in capsys.readouterr().err


@pytest.fixture(scope="module")
def of_sizes(made):
    """Folder of pockets of two sizes that the command fine-tuned for an epoch, and its JSON."""
    spec, file, out = made
    folder = out.with_name("sizes")
    words = ["pocket", spec, "--history", out.with_name("s.sqlite"), "--output", folder, "--json"]
    words += ["--backbone", f"timm:test_resnet:{file}", "--size", 32, SIDE, "--epochs", 1]
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert main([str(word) for word in words]) == 0
    return folder, json.loads(printed.getvalue())


def test_each_size_has_a_pocket_of_its_own(of_sizes):
    for side in (32, SIDE):
        facts = load_pocket(of_sizes[0] / str(side) / MODEL).facts
        assert facts["preprocessing"]["size"] == [side, side]


def test_a_table_has_the_cost_of_all_sizes(of_sizes):
    rows = {row["model"]: row for row in of_sizes[1]["cost"]["rows"]}
    ratio = rows["pocket, 64 pixels"]["multiplications"]
    ratio /= rows["pocket, 32 pixels"]["multiplications"]
    assert ratio > 2  # four times the pixels, and layers that do not depend on them


def test_the_card_says_what_fine_tuning_did(of_sizes):
    card = (of_sizes[0] / "32" / "card.md").read_text()
    assert "1 epoch" in card


def test_the_plot_of_costs_has_a_point_of_each_pocket(of_sizes, learned):
    drawn = TunableStudents(learned.tuner).plot.cost(of_sizes[0])
    points = next(each for each in drawn if type(each) is hv.Points).dframe()
    rows = {row["model"]: row for row in of_sizes[1]["cost"]["rows"]}
    timed = {name for name, row in rows.items() if row["milliseconds"] is not None}
    assert {"pocket, 32 pixels", "pocket, 64 pixels"} <= set(points["model"]) == timed
    for _, point in points.iterrows():
        assert point["ap"] == rows[point["model"]]["ap"]


def test_the_plot_names_folders_of_one_size(made, of_sizes, learned):
    plot = TunableStudents(learned.tuner).plot
    drawn = plot.cost(made[2], of_sizes[0] / "32")
    points = next(each for each in drawn if type(each) is hv.Points).dframe()
    assert {"out: pocket", "32: pocket"} <= set(points["model"])


def test_the_plot_of_a_folder_without_a_card_is_refused(tmp_path, learned):
    with pytest.raises(ExportError, match="no card of a pocket"):
        TunableStudents(learned.tuner).plot.cost(tmp_path)


def test_in_python_several_sizes_give_their_costs(made, learned):
    students = TunableStudents(learned.tuner)
    frame = students.pocket(backbone=f"timm:test_resnet:{made[1]}", size=[32, SIDE])
    assert {"pocket, 32 pixels", "pocket, 64 pixels"} <= set(frame.index)


def test_features_of_lite0_are_those_of_the_last_layer_and_the_last_block(monkeypatch, tmp_path):
    from precompute.teachers import trunk as trunks

    torch.manual_seed(2)
    model = timm.create_model("tf_efficientnet_lite0").eval()
    torch.save(model.state_dict(), tmp_path / "lite0.pt")
    monkeypatch.setattr(trunks, "_lite0_file", lambda: tmp_path / "lite0.pt")
    pixels = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype(np.float32)
    found = trunks.load_trunk(trunk_name("efficientnet-lite0", 64), None).features(pixels)
    kept = []
    model.blocks[-1][-1].bn2.register_forward_hook(lambda *each: kept.append(each[2]))
    with torch.inference_mode():
        last = model.forward_features(torch.from_numpy(pixels)).mean((2, 3))
    expected = np.concatenate([last, kept[0].mean((2, 3))], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-4)

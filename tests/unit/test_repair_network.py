"""An ONNX network repaired by thumbs: what changes in its file, and what is refused."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

import onnx
import onnxruntime
from factory import small_arrays, small_spec
from network_factory import CLASSES, ONNX, network_spec, photos_of, pixels_of
from onnx import helper, numpy_helper
from onnx_networks import network, weights
from scipy.special import expit, logit, softmax
from sklearn.linear_model import LinearRegression

from inficond_panel import TunableStudents
from inficond_panel.cli import main
from inficond_panel.common.numbers import share
from inficond_panel.distill.thumb_size import enlarged, explained
from inficond_panel.errors import DataError, ExportError
from inficond_panel.export.network.folder import notes_on, write_network
from inficond_panel.export.network.repair import CONTROL, repair_network
from inficond_panel.store import Store
from inficond_panel.tuning import open_tuner
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.vocabulary.worlds import INDEPENDENT, THESE
from precompute.teachers.last_layer import LayerWeights

pytestmark = [pytest.mark.torch, pytest.mark.commands]

NAME, K = "bicycle", len(CLASSES)
FILE = "network.onnx"


def students_of(spec) -> TunableStudents:
    return TunableStudents(open_tuner(spec, history=":memory:"))


def tuned(spec) -> TunableStudents:
    return students_of(spec).up(NAME, "wheel").remove(NAME, "leaf")


def repaired(folder, **form):
    students = tuned(network_spec(folder, **form))
    return repair_network(students.tuner, students.node)


def written(folder, repair):
    return write_network(repair, folder / "out", INDEPENDENT.key)[FILE]


def outputs(file, photos=None):
    """Outputs of a file in onnxruntime alone."""
    session = onnxruntime.InferenceSession(str(file))
    given = pixels_of(photos_of(small_arrays(classes=K)) if photos is None else photos)
    (entry,) = session.get_inputs()
    if entry.shape[3] == 3:
        given = given.transpose(0, 2, 3, 1)
    given = given.astype(np.float16 if "float16" in entry.type else np.float32)
    return session.run(["scores"], {entry.name: given})[0].astype(float)


def tensors(file):
    return {one.name: numpy_helper.to_array(one, str(file.parent))
            for one in onnx.load(file, load_external_data=False).graph.initializer}  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    repair = repaired(folder)
    return folder, repair, written(folder, repair)


def test_the_operators_of_the_new_file_are_those_of_the_old_one(plain):
    folder, _, file = plain
    old, new = onnx.load(folder / FILE).graph, onnx.load(file).graph
    assert (list(old.node), list(old.input), list(old.output)) == (
        list(new.node), list(new.input), list(new.output),
    )  # fmt: skip


def test_other_tensors_are_equal_byte_for_byte(plain):
    folder, _, file = plain
    old, new = tensors(folder / FILE), tensors(file)
    assert old["kernel"].tobytes() == new["kernel"].tobytes()
    assert old["weight"][1:].tobytes() == new["weight"][1:].tobytes()


def test_the_row_of_the_tuned_class_changes(plain):
    folder, _, file = plain
    assert not np.array_equal(tensors(folder / FILE)["weight"][0], tensors(file)["weight"][0])


def test_outputs_of_other_classes_are_equal_in_onnxruntime(plain):
    folder, _, file = plain
    np.testing.assert_array_equal(outputs(file)[:, 1:], outputs(folder / FILE)[:, 1:])


def thumbs_on_fit(repair):
    """Positive parts (n, 2) of the standardised scores of the thumbs on fit, the gains that are
    used, and the standard deviation of the class's logits."""
    store = repair.tuner.store
    fit, thumbs = store.rows("fit"), repair.thumbs[NAME]
    columns = [store.concepts.index(*each.concepts) for each in thumbs]
    score = np.asarray(store.concept_score)[fit][:, columns].astype(float)
    shown = np.maximum((score - score.mean(axis=0)) / score.std(axis=0), 0)
    return shown, np.array([each.gain for each in thumbs]), store.teacher_logit[fit, 0].std()


def test_what_the_network_relies_on_is_the_slope_of_its_logits(plain):
    _, repair, _ = plain
    shown, _, sd = thumbs_on_fit(repair)
    logits = repair.tuner.store.teacher_logit[repair.tuner.store.rows("fit"), 0]
    slopes = LinearRegression().fit(shown, logits).coef_ / sd
    relied = [each.relied for each in repair.thumbs[NAME]]
    np.testing.assert_allclose(relied, np.maximum(slopes, 0), atol=1e-4)


def test_a_thumb_without_reliance_keeps_a_quarter_of_its_size(plain):
    _, repair, _ = plain
    expected = {("leaf",): -0.2, ("wheel",): 0.4}
    for each in repair.thumbs[NAME]:
        assert abs(each.gain) == pytest.approx(
            min(abs(expected[each.concepts]), max(each.relied, abs(expected[each.concepts]) / 4))
        )


def test_the_new_row_solves_the_documented_problem(plain):
    """The derivative of mean CE + strength v / 2 |w - w_old|² at the new row is 0."""
    _, repair, _ = plain
    store = repair.tuner.store
    fit = store.rows("fit")
    features = repair.network.features[np.isin(repair.network.rows, fit)].astype(float)
    old, new = repair.layer.weights, repair.weights
    shown, gains, sd = thumbs_on_fit(repair)
    asked = [each.asked for each in repair.thumbs[NAME]]
    shift = sd * (shown @ enlarged(gains, asked, explained(features, shown @ gains)))
    before, after = (features @ each.weight[0] + each.bias[0] for each in (old, new))
    error = (expit(after) - expit(before + shift)) / len(fit)
    pull = repair.strengths[NAME] * features.var(axis=0).mean() * (new.weight - old.weight)[0]
    np.testing.assert_allclose(error @ features + pull, 0, atol=1e-6)


FORMS = {
    "channels last": {"last": True},
    "a softmax, read as sigmoids": {"end": "Softmax"},
    "sigmoids": {"end": "Sigmoid"},
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_network_is_repaired(tmp_path, form):
    values = FORMS[form]
    first = network(classes=K, **values)
    (tmp_path / "first.onnx").write_bytes(first.SerializeToString())
    raw = outputs(tmp_path / "first.onnx")
    teacher, logits = ONNX, raw
    if "end" in values:
        teacher = ONNX.replace("path:", "outputs: probabilities, path:")
        logits = logit(np.clip(raw, 1e-6, 1 - 1e-6))
    spec = network_spec(tmp_path, teacher=teacher, logits=logits)
    (tmp_path / FILE).write_bytes(first.SerializeToString())
    students = tuned(spec)
    repair = repair_network(students.tuner, students.node)
    found = outputs(written(tmp_path, repair))
    arrays = small_arrays(classes=K)
    rows = repair.network.rows
    new = repair.network.features @ repair.weights.weight.T + repair.weights.bias
    link = {"Softmax": lambda z: softmax(z, axis=1), "Sigmoid": expit}
    expected = link.get(values.get("end"), np.asarray)(new)
    assert len(found) == len(arrays["image"])
    np.testing.assert_allclose(found[rows], expected, rtol=1e-3, atol=1e-4)


def matmul(model):
    """The network with a MatMul and an Add in place of its Gemm."""
    nodes = [node for node in model.graph.node if node.op_type != "Gemm"]
    names = {one.name: one for one in model.graph.initializer}
    turned = numpy_helper.from_array(numpy_helper.to_array(names["weight"]).T.copy(), "weight")
    names["weight"].CopyFrom(turned)
    nodes += [helper.make_node("MatMul", ["features", "weight"], ["product"]),
              helper.make_node("Add", ["bias", "product"], ["scores"])]  # fmt: skip
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def constants(model):
    """The network with its weights as constants among the operators."""
    held = list(model.graph.initializer)
    nodes = [helper.make_node("Constant", [], [one.name], value=one) for one in held]
    nodes += list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@pytest.mark.parametrize("form", [matmul, constants])
def test_the_layer_is_found_in_other_graphs(tmp_path, plain, form):
    spec = network_spec(tmp_path)
    (tmp_path / FILE).write_bytes(form(network(classes=K)).SerializeToString())
    students = tuned(spec)
    file = written(tmp_path, repair_network(students.tuner, students.node))
    np.testing.assert_allclose(outputs(file), outputs(plain[2]), atol=1e-5)


def test_weights_in_another_file_are_taken_along(tmp_path, plain):
    spec = network_spec(tmp_path)
    model = network(classes=K)
    onnx.save(
        model, tmp_path / FILE, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    students = tuned(spec)
    file = written(tmp_path, repair_network(students.tuner, students.node))
    assert (file.parent / "w.bin").read_bytes() == (tmp_path / "w.bin").read_bytes()
    np.testing.assert_allclose(outputs(file), outputs(plain[2]), atol=1e-5)


def test_the_control_without_a_thumb_changes_nothing(plain):
    _, repair, _ = plain
    np.testing.assert_array_equal(repair.control.weight, repair.layer.weights.weight)


def test_the_rows_of_the_control_have_no_change(plain):
    figures = plain[1].figures().loc[CONTROL]
    assert (figures["change"].dropna() == 0).all()


def test_agreement_is_the_share_of_equal_decisions(plain):
    folder, repair, file = plain
    tune = repair.tuner.store.rows("tune")
    old, new = (outputs(each)[tune, 0] > 0 for each in (folder / FILE, file))
    assert repair.agreement[NAME] == pytest.approx((old == new).mean())


@pytest.fixture
def of_one_class(plain, monkeypatch):
    """The repair, as if each image had one class: its first."""
    folder, repair, file = plain
    monkeypatch.setattr(Store, "task", SINGLE_LABEL)
    return folder, replace(repair), file


def test_top_1_of_one_class_an_image_is_that_of_the_files(of_one_class):
    folder, repair, file = of_one_class
    tune = repair.tuner.store.rows("tune")
    label = repair.tuner.store.label[tune] == 1
    shares = [
        np.mean((outputs(each)[tune].argmax(1) == label.argmax(1))[label.any(1)])
        for each in (folder / FILE, file)
    ]
    assert repair.top1 == pytest.approx(tuple(shares))


def test_the_card_says_top_1_before_and_after(of_one_class):
    before, after = map(share, of_one_class[1].top1)
    told = f"All classes: the likeliest class is right for {after} of images, before {before}."
    assert told in notes_on(of_one_class[1])


def test_images_of_several_classes_have_no_top_1(plain):
    assert plain[1].top1 is None


def test_groups_have_the_share_of_named_images(plain):
    folder, repair, _ = plain
    store = repair.tuner.store
    tune = store.rows("tune")
    inside = store.label[tune, 0] == 1
    groups = repair.groups()
    some = groups[groups.index.get_level_values("group").str.startswith(NAME)]
    named = (some["before"] * some["images"]).sum() / 100
    assert named == pytest.approx((outputs(folder / FILE)[tune, 0] > 0)[inside].sum())


def test_the_card_has_the_hash_of_the_file(plain):
    import hashlib

    card = json.loads((plain[2].parent / "card.json").read_text())
    assert card["files"][FILE] == hashlib.sha256(plain[2].read_bytes()).hexdigest()


def test_half_floats_are_rounded_as_the_file_holds_them():
    old = LayerWeights("a", np.ones((1, 2)), np.ones(1), np.dtype(np.float16))
    new = old.stored(np.full((1, 2), 1.0001), np.ones(1))
    np.testing.assert_array_equal(new.weight, old.weight)


def test_nothing_is_written_before_somebody_says_what_is_meant(tmp_path, plain):
    with pytest.raises(ExportError, match="nobody has said"):
        write_network(plain[1], tmp_path / "out", "")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_is_refused(tmp_path, plain):
    with pytest.raises(ExportError, match="already exists"):
        write_network(plain[1], tmp_path, INDEPENDENT.key)


@pytest.mark.parametrize("change", ["none", "bounds"])
def test_an_iteration_that_adjusts_no_target_is_refused(tmp_path, change):
    students = students_of(network_spec(tmp_path, refit="all" if change == "bounds" else "target"))
    if change == "bounds":
        students.up(NAME, "wheel")
    with pytest.raises(ExportError, match="changes no target"):
        repair_network(students.tuner, students.node)


def relu_after(model):
    model.graph.node[-1].output[0] = "before"
    model.graph.node.append(helper.make_node("Relu", ["before"], ["scores"]))
    return model


def no_bias(model):
    del model.graph.node[-1].input[2]
    return model


def used_twice(model):
    model.graph.node.append(helper.make_node("Identity", ["weight"], ["again"]))
    return model


def circle(model):
    del model.graph.node[-1]
    for given, made in (("scores", "again"), ("again", "scores")):
        model.graph.node.append(helper.make_node("Identity", [given], [made]))
    return model


@pytest.mark.parametrize("form", [relu_after, no_bias, used_twice, circle])
def test_a_network_without_such_a_layer_is_refused_with_its_layers(tmp_path, form):
    spec = network_spec(tmp_path)
    (tmp_path / FILE).write_bytes(form(network(classes=K)).SerializeToString())
    students = tuned(spec)
    with pytest.raises(DataError, match="does not end with a linear layer"):
        repair_network(students.tuner, students.node)


def test_weights_that_are_cut_off_are_refused(tmp_path):
    spec = network_spec(tmp_path)
    how = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0}
    onnx.save(network(classes=K), tmp_path / FILE, **how)
    (tmp_path / "w.bin").write_bytes(b"1")
    students = tuned(spec)
    with pytest.raises(DataError, match="damaged"):
        repair_network(students.tuner, students.node)


def test_a_table_of_logits_is_no_network(tmp_path):
    students = students_of(small_spec(tmp_path, extra="tuning: {refit: target}\n"))
    students.up(NAME, "wheel")
    with pytest.raises(DataError, match="of kind logits") as told:
        repair_network(students.tuner, students.node)
    assert "--targets" in told.value.remedy


def test_another_network_than_the_stores_is_refused(tmp_path):
    students = tuned(network_spec(tmp_path, logits=np.random.default_rng(0).normal(size=(200, K))))
    (tmp_path / FILE).write_bytes(network(classes=K).SerializeToString())
    with pytest.raises(DataError, match="differ from those in the store"):
        repair_network(students.tuner, students.node)


def test_photos_that_are_missing_are_named(tmp_path):
    students = tuned(network_spec(tmp_path))
    (tmp_path / "data" / "images" / "000000.png").unlink()
    with pytest.raises(DataError, match="000000"):
        repair_network(students.tuner, students.node)


def command(folder, *more):
    spec = network_spec(folder)
    edits = folder / "edits.yaml"
    edits.write_text(f"- - {{class: {NAME}, concept: leaf, direction: remove}}\n")
    main(["tune", str(spec), "--edits", str(edits)])
    return main(["repair-network", str(spec), "--output", str(folder / "out"), *more])


def test_with_yes_the_command_writes_the_network(tmp_path):
    assert command(tmp_path, "--yes") == 0
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "card.json", "card.md", FILE,
    ]  # fmt: skip


@pytest.mark.parametrize(("answer", "made"), [("yes\n", True), ("n\n", False), ("", False)])
def test_the_command_writes_after_a_yes_alone(tmp_path, monkeypatch, answer, made):
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    command(tmp_path)
    assert (tmp_path / "out").exists() == made


def test_the_question_names_the_class_beside_the_concept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    command(tmp_path)
    asked = "images where bicycle appears equally often with and without leaf?"
    assert asked in capsys.readouterr().err


def test_python_returns_the_figures(tmp_path):
    figures = tuned(network_spec(tmp_path)).repair_network()
    assert list(figures.index.names) == ["refit", "class", "world", "metric"]


def test_python_writes_the_network_where_it_is_said_what_is_meant(tmp_path):
    tuned(network_spec(tmp_path)).repair_network(tmp_path / "out", meant=INDEPENDENT.key)
    assert (tmp_path / "out" / FILE).is_file()


def test_python_writes_nothing_where_nobody_says_what_is_meant(tmp_path):
    with pytest.raises(ExportError, match="nobody has said"):
        tuned(network_spec(tmp_path)).repair_network(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_alone_are_meant_for_photos_like_the_labelled_ones(tmp_path):
    students = students_of(network_spec(tmp_path))
    store = students.tuner.store
    photo = store.images[store.rows("tune")[0]]
    students.tune({"class": NAME, "image": photo, "direction": "label", "value": 1})
    assert repair_network(students.tuner, students.node).meant == THESE.key


def test_images_of_tune_that_the_refit_learned_from_do_not_measure_it(tmp_path):
    students = students_of(network_spec(tmp_path))
    store = students.tuner.store
    photo = store.images[store.rows("tune")[0]]
    students.tune({"class": NAME, "image": photo, "direction": "label", "value": 1})
    repair = repair_network(students.tuner, students.node)
    assert store.rows("tune")[0] not in repair.rows


def test_a_thumb_on_the_own_word_alone_is_a_decision_too(tmp_path):
    students = students_of(network_spec(tmp_path)).up(NAME, "wheel")
    assert repair_network(students.tuner, students.node).meant == ""


def test_who_has_said_what_is_meant_is_not_asked(tmp_path):
    students = tuned(network_spec(tmp_path)).meant(NAME, INDEPENDENT.key)
    assert repair_network(students.tuner, students.node).meant == INDEPENDENT.key


def test_weights_of_the_factory_are_those_of_the_file(plain):
    """The reference of these tests: the file holds what ``onnx_networks.weights`` says."""
    np.testing.assert_array_equal(tensors(plain[0] / FILE)["weight"], weights(K)[1])

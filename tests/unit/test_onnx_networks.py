"""ONNX files as strangers publish them: axes and types of the input, ends, and what is refused."""

import numpy as np
import pytest
from precompute_factory import photo

pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

from onnx import TensorProto, helper, numpy_helper
from onnx_networks import HEIGHT, WIDTH, golden, network, saved

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import FullPreprocessing, OnnxTeacher
from precompute.encoder.image import Preprocessing
from precompute.teachers.loading import TeacherSource
from precompute.teachers.onnx_file import read_onnx
from precompute.teachers.onnx_graph import classifying, input_of, outputs_of

pytestmark = pytest.mark.torch

CLASSES = ("cat", "dog", "bus")
ONE = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
BYTES = {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}
SIGNED = {"mean": (128 / 255,) * 3, "std": (1 / 255,) * 3}
NORMAL = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}


def teacher(path, steps=NORMAL, size=(WIDTH, HEIGHT), **values):
    steps = FullPreprocessing(size=size, **steps)
    return TeacherSource(OnnxTeacher(path=path, preprocessing=steps, **values), CLASSES).load()


def photos():
    return [photo(i) for i in range(5)]


def pixels(steps=NORMAL):
    """Prepared photos (5, 3, height, width), by NumPy from Pillow's pixels."""
    sized = [np.asarray(each.resize((WIDTH, HEIGHT), 2)) / 255 for each in photos()]
    values = (np.stack(sized) - steps["mean"]) / steps["std"]
    return values.transpose(0, 3, 1, 2).astype(np.float32)


def logits_of(loaded):
    return loaded.logits(np.stack([loaded.preprocessing.prepare(each) for each in photos()]))


FORMS = {
    "channels last": {"last": True},
    "channels last, batch of two": {"last": True, "batch": 2},
    "channels last, any size": {"last": True, "sides": ("h", "w")},
    "channels last, no side known": {
        "last": True, "sides": ("h", "w"), "channel_side": False,
    },
    "channels first, no side known": {"sides": ("h", "w"), "channel_side": False},
    "channels last after other operators": {
        "last": True, "channel_side": False, "before": ("Identity", "Abs", "Identity"),
    },
    "doubles": {"dtype": "DOUBLE"},
    "outputs without shapes": {"last": True, "declared": False},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_logits_of_each_form_are_those_of_the_same_network(tmp_path, form):
    found = logits_of(teacher(saved(tmp_path / "a.onnx", **FORMS[form])))
    values = np.abs(pixels()) if "other operators" in form else pixels()
    np.testing.assert_allclose(found, golden(values), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("last", [False, True])
def test_half_floats_give_the_same_logits_to_three_digits(tmp_path, last):
    found = logits_of(teacher(saved(tmp_path / "a.onnx", dtype="FLOAT16", last=last)))
    np.testing.assert_allclose(found, golden(pixels()), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("dtype", "steps"), [("UINT8", BYTES), ("INT32", BYTES), ("INT8", SIGNED)])
@pytest.mark.parametrize("last", [False, True])
def test_whole_numbers_are_the_levels_of_the_photo(tmp_path, dtype, steps, last):
    found = logits_of(teacher(saved(tmp_path / "a.onnx", dtype=dtype, last=last), steps))
    np.testing.assert_allclose(found, golden(np.rint(pixels(steps))), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", ["UINT8", "INT8"])
def test_steps_that_leave_no_whole_numbers_are_refused(tmp_path, dtype):
    with pytest.raises(DataError, match="takes whole numbers") as told:
        teacher(saved(tmp_path / "a.onnx", dtype=dtype))
    assert "0.00392156862745098" in told.value.remedy


@pytest.mark.parametrize("last", [False, True])
def test_a_grey_network_gets_luminance(tmp_path, last):
    file = saved(tmp_path / "a.onnx", channels=1, last=last)
    found = logits_of(teacher(file, {**NORMAL, "channels": "grey"}))
    grey = [np.asarray(each.resize((WIDTH, HEIGHT), 2).convert("L")) for each in photos()]
    values = ((np.stack(grey) / 255 - 0.5) / 0.2)[:, None].astype(np.float32)
    np.testing.assert_allclose(found, golden(values, channels=1), rtol=1e-4, atol=1e-4)


def test_bgr_is_the_reverse_of_normalised_rgb():
    size, (mean, std) = (WIDTH, HEIGHT), NORMAL.values()
    rgb, bgr = (Preprocessing(size, mean, std, channels=one) for one in ("rgb", "bgr"))
    np.testing.assert_array_equal(bgr.prepare(photo(1)), rgb.prepare(photo(1))[::-1])


def test_rgb_is_not_among_the_recorded_steps():
    """Stores of older versions have no such entry; their hashes stay."""
    assert "channels" not in Preprocessing((2, 2), (0, 0, 0), (1, 1, 1)).plain()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"last": True}, "16 × 12 pixels, channels last, float32"),
        ({"dtype": "FLOAT16"}, "16 × 12 pixels, channels first, float16"),
        ({"last": True, "dtype": "UINT8"}, "16 × 12 pixels, channels last, uint8"),
        ({"channels": 1, "last": True}, "16 × 12 pixels, one grey channel, last, float32"),
        ({"sides": ("h", "w")}, "any × any pixels, channels first, float32"),
    ],
)
def test_the_input_is_described(tmp_path, values, expected):
    assert str(input_of(read_onnx(saved(tmp_path / "a.onnx", **values)))) == expected


@pytest.mark.parametrize(
    ("end", "activation"),
    [
        ("", ""), ("Softmax", "softmax"), ("Sigmoid", "sigmoid"), ("HardSigmoid", "sigmoid"),
        ("LogSoftmax", ""), ("Relu", ""), ("parts of a softmax", "softmax"),
    ],
)  # fmt: skip
def test_the_last_activation_is_read_from_the_graph(tmp_path, end, activation):
    file = saved(tmp_path / "a.onnx", end=end)
    assert [one.activation for one in outputs_of(read_onnx(file))] == [activation]


def test_the_output_with_a_value_per_class_is_chosen(tmp_path):
    file = read_onnx(saved(tmp_path / "a.onnx", extra_outputs=("features",)))
    assert classifying(file, 3).name == "scores"


def test_levels_of_a_quantized_network_are_refused(tmp_path):
    model = network()
    del model.graph.output[:]
    names = ("levels", "scale", "zero")
    model.graph.node.append(helper.make_node("DynamicQuantizeLinear", ["scores"], names))
    levels = helper.make_tensor_value_info("levels", TensorProto.UINT8, ["n", 3])
    model.graph.output.append(levels)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="gives uint8 levels of a quantized network") as told:
        teacher(tmp_path / "a.onnx", outputs="probabilities")
    assert "float32" in told.value.remedy


def test_a_file_for_other_sizes_says_which_size_to_set(tmp_path):
    with pytest.raises(DataError, match=r"takes photos of 16 × 12 pixels, but") as told:
        teacher(saved(tmp_path / "a.onnx", last=True), size=(224, 224))
    assert told.value.remedy == "Set size: [16, 12] in teacher.preprocessing."


def test_colour_photos_for_a_grey_network_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"takes photos with 1 channel, but"):
        teacher(saved(tmp_path / "a.onnx", channels=1))


def info(name, shape=("n", 3, HEIGHT, WIDTH), dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape and list(shape))


def model_of(nodes, inputs=None, initial=(), functions=(), domains=("",)):
    inputs = [info("photos")] if inputs is None else inputs
    graph = helper.make_graph(nodes, "g", inputs, [info("scores", None)], list(initial))
    opsets = [helper.make_opsetid(domain, 17 if not domain else 1) for domain in domains]
    return helper.make_model(graph, functions=functions, opset_imports=opsets, ir_version=9)


def node(operator, inputs=("photos",), outputs=("scores",), domain="", **attributes):
    return helper.make_node(operator, list(inputs), list(outputs), domain=domain, **attributes)


def many(values):
    return numpy_helper.from_array(np.array(values, np.int64), "many")


OWN = helper.make_function(
    "own", "F", ["a"], ["b"], [node("F", ["a"], ["b"], "own")],
    [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)],
)  # fmt: skip
BAD = {
    "an operator of others": (
        model_of([node("ReadFile", domain="my.ops")], domains=("", "my.ops")),
        r"operators that may read files or run other code: my\.ops\.ReadFile",
    ),
    "an operator of others in a branch": (
        model_of(
            [
                node(
                    "If",
                    ["condition"],
                    then_branch=helper.make_graph(
                        [node("ReadFile", domain="my.ops")], "t", [], [info("scores", None)]
                    ),
                    else_branch=helper.make_graph(
                        [node("Identity")], "e", [], [info("scores", None)]
                    ),
                )
            ],
            initial=[numpy_helper.from_array(np.array(True), "condition")],
            domains=("", "my.ops"),
        ),
        r"my\.ops\.ReadFile",
    ),
    "compiled code in a file": (
        model_of(
            [node("EPContext", domain="com.microsoft", embed_mode=0, ep_cache_context="/etc/x")],
            domains=("", "com.microsoft"),
        ),
        r"com\.microsoft\.EPContext",
    ),
    "a function that calls itself": (
        model_of([node("F", domain="own")], functions=[OWN], domains=("", "own")),
        "is not an ONNX model that can be run",
    ),
    "a cycle": (
        model_of([node("Add", ["photos", "b"], ["a"]), node("Relu", ["a"], ["b"]),
                  node("Relu", ["b"])]),
        "is not an ONNX model that can be run: .*acyclic",
    ),
    "a tensor of 10^12 values": (
        model_of([node("ConstantOfShape", ["many"], ["c"]), node("Relu")],
                 initial=[many([10**6, 10**6])]),
        "makes a tensor of more than 100,000,000 values",
    ),
    "photos of 60,000 pixels": (
        model_of([node("Relu")], [info("photos", ("n", 3, 60_000, 60_000))]),
        "60000 × 60000 pixels, which is too large",
    ),
    "two inputs": (
        model_of([node("Relu")], [info("photos"), info("ids")]),
        r"takes photos \[any, 3, 12, 16\] of float, ids .*; expected one input of photos",
    ),
    "texts": (
        model_of([node("Relu")], [info("photos", dtype=TensorProto.STRING)]), "of string; expected",
    ),
    "four channels": (
        model_of([node("Relu")], [info("photos", ("n", 4, HEIGHT, WIDTH))]), r"\[any, 4, 12, 16\]",
    ),
    "no batch": (
        model_of([node("Relu")], [info("photos", (3, HEIGHT, WIDTH))]), r"\[3, 12, 16\] of float",
    ),
    "a vector": (model_of([node("Relu")], [info("photos", ("n", 10))]), r"photos \[any, 10\]"),
    "no input": (model_of([node("Relu")], []), "takes none; expected one input of photos"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_network_on_photos_is_refused(tmp_path, what):
    model, fault = BAD[what]
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=fault):
        teacher(tmp_path / "a.onnx")


@pytest.mark.parametrize("content", [b"", b"no network", b"\x89PNG\r\n\x1a\n", b"\x80\x04N."])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(DataError, match="is not an ONNX model"):
        teacher(tmp_path / "a.onnx")


def test_a_file_beyond_the_limit_of_a_graph_is_refused_unread(tmp_path):
    with (tmp_path / "a.onnx").open("wb") as file:
        file.truncate(3 * 10**9)  # sparse: takes no place on disk
    with pytest.raises(DataError, match="has more than 2,147 MB"):
        teacher(tmp_path / "a.onnx")


def test_functions_of_the_file_itself_are_no_strange_operators(tmp_path):
    function = helper.make_function(
        "own", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    model = network()
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.graph.node[-1].output[0] = "once"
    model.graph.node.append(node("Twice", ["once"], domain="own"))
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    found = logits_of(teacher(tmp_path / "a.onnx"))
    np.testing.assert_allclose(found, 2 * golden(pixels()), rtol=1e-4, atol=1e-4)


def test_the_outputs_of_a_last_convolution_are_taken(tmp_path):
    """(n, classes, 1, 1), as SqueezeNet gives them."""
    model = network()
    model.graph.node[-1].output[0] = "flat"
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, 3, 1, 1]), "to"))
    model.graph.node.append(node("Reshape", ["flat", "to"]))
    model.graph.output[0].CopyFrom(info("scores", ("n", 3, 1, 1)))
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    found = logits_of(teacher(tmp_path / "a.onnx"))
    np.testing.assert_allclose(found, golden(pixels()), rtol=1e-4, atol=1e-4)


def test_a_class_too_few_names_the_outputs(tmp_path):
    file = saved(tmp_path / "a.onnx", classes=4, end="Softmax")
    with pytest.raises(DataError, match=r"returns \(5, 4\) for 5 images; expected 3 outputs"):
        logits_of(teacher(file))

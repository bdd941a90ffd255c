"""The stage: logits and oracle of a data set, what it depends on, and going on after a stop."""

import numpy as np
import pytest
from precompute_factory import CONV, WORDS, tiny_encoder
from scipy.special import expit, logsumexp, softmax
from teacher_factory import PLAIN, digests, drawn, encoder_section, teacher_section

from inficond_panel.errors import CancelledError, DataError
from precompute.batches.results import Results, photo_keys
from precompute.batches.run import Run
from precompute.encoder import load_encoder
from precompute.encoder.image import Preprocessing
from precompute.teachers.head import fit_heads, newton_logistic
from precompute.teachers.loading import TeacherSource
from precompute.teachers.stage import teacher_logits

pytest.importorskip("torch")

import torch
from sklearn.linear_model import LogisticRegression

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")]

WIDTH, HEIGHT = PLAIN["size"]


def flat(outputs, *more):
    torch.manual_seed(0)
    layer = torch.nn.Linear(3 * WIDTH * HEIGHT, outputs)
    return torch.nn.Sequential(torch.nn.Flatten(), layer, *more)


def traced(folder, network, **values):
    file = folder / "mine.pt"
    torch.jit.trace(network, torch.zeros(1, 3, HEIGHT, WIDTH)).save(str(file))
    return teacher_section("torchscript", path=file, **values)


def by_hand(network, dataset):
    """Inputs of a ``flat`` network, its weight and its logits."""
    prepare = Preprocessing(**PLAIN).prepare
    x = np.stack([prepare(dataset.load(i)).ravel() for i in range(len(dataset.ids))])
    weight, bias = (value.detach().numpy() for value in network[1].parameters())
    return x, weight, x @ weight.T + bias


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    return traced(tmp_path_factory.mktemp("linear"), flat(2)).path


def run(section, dataset, *given, **options):
    photos = Run(dataset, photo_keys(dataset.ids, digests(dataset)), **options)
    return teacher_logits(TeacherSource(section, dataset.classes, *given), photos)


def teacher_inputs(section, dataset, digests):
    return TeacherSource(section, dataset.classes).inputs_on(dataset, digests)


def test_logits_and_oracle_are_those_of_the_formula(tmp_path):
    dataset, network = drawn(), flat(2)
    result = run(traced(tmp_path, network, batch=3, oracle=0.8), dataset)
    (x, weight, z), label = by_hand(network, dataset), dataset.label
    np.testing.assert_allclose(result.logits.own, z, atol=1e-4)
    residual = np.where(label >= 0, expit(z) - label, 0)
    expected = z - 0.8 * (np.abs(x) * (residual @ weight)) @ weight.T
    np.testing.assert_allclose(result.oracles.own[:5], expected[:5], atol=1e-4)
    assert np.isnan(result.oracles.own[5:]).all()
    record = result.attrs["oracle"]
    assert (record["gamma"], record["images"]) == (0.8, 5)
    z, known = z[:5], label[:5] >= 0
    loss = np.where(known, np.logaddexp(0, z) - (label[:5] == 1) * z, 0).sum(1).mean()
    assert record["task_loss"] == pytest.approx(loss, abs=1e-4)
    assert record["reinforced_task_loss"] < record["task_loss"]
    assert result.attrs["teacher"] == "mine"
    assert result.attrs["teacher_preprocessing"]["size"] == [WIDTH, HEIGHT]
    assert (len(result.attrs["teacher_digest"]), result.warnings) == (64, ())


def test_a_network_with_a_softmax_keeps_its_other_classes(tmp_path):
    dataset, network = drawn(), flat(4)
    dataset.label[:] = 0
    dataset.label[np.arange(10), np.arange(10) % 2] = 1
    dataset.label[3] = -1
    given = {"classes": ["eel", "train", "cat", "bicycle"], "activation": "softmax"}
    result = run(traced(tmp_path, network, batch=3, oracle=0.1, **given), dataset)
    x, weight, z = by_hand(network, dataset)
    np.testing.assert_allclose(result.logits.own, z[:, [3, 1]], atol=1e-4)
    np.testing.assert_allclose(result.logits.other, z[:, [0, 2]], atol=1e-4)
    assert result.logits.other_classes == ("eel", "cat")
    assert result.attrs["teacher_activation"] == "softmax"
    # equation 2 with the cross-entropy of the softmax over all four
    hot = np.zeros((10, 4))
    hot[np.arange(10), np.array([3, 1])[np.arange(10) % 2]] = 1
    residual = softmax(z, axis=1) - hot
    residual[3] = 0  # not known
    stronger = z - 0.1 * (np.abs(x) * (residual @ weight)) @ weight.T
    np.testing.assert_allclose(result.oracles.own[:5], stronger[:5, [3, 1]], atol=1e-3)
    losses = -np.log(softmax(z, axis=1)[np.arange(5), hot[:5].argmax(1)])
    losses[3] = 0
    assert result.attrs["oracle"]["task_loss"] == pytest.approx(losses.mean(), rel=1e-4)


def test_photos_that_cannot_be_read_have_no_logits(linear):
    dataset = drawn(broken=(1, 7))
    section = teacher_section("torchscript", path=linear, batch=3, oracle=0.5)
    result, whole = run(section, dataset), run(section, drawn())
    assert np.isnan(result.logits.own[[1, 7]]).all()
    read = [0, 2, 3, 4]
    np.testing.assert_allclose(result.logits.own[read], whole.logits.own[read], atol=1e-5)
    np.testing.assert_allclose(result.oracles.own[read], whole.oracles.own[read], atol=1e-5)
    assert np.isnan(result.oracles.own[1]).all()


def counted(dataset):
    """The data set, and the photos that are loaded, as they are."""
    loads = []
    load = {"load": lambda i: loads.append(i) or dataset.load(i)}
    return type(dataset)(**{**vars(dataset), **load}), loads


def test_a_stopped_run_goes_on_and_gives_the_same_bits(linear, tmp_path):
    section = teacher_section("torchscript", path=linear, batch=2, oracle=0.5)
    whole = run(section, drawn())
    lines = []
    with pytest.raises(CancelledError):
        run(section, drawn(), results=Results(tmp_path),
            progress=lines.append, cancelled=lambda: len(lines) == 3)  # fmt: skip
    kept = sorted(tmp_path.glob("logits-*"))
    assert len(kept) == 3
    (kept[0] / "values.npy").write_bytes(b"cut short")
    finished_photos = sum(len(np.load(folder / "values.npy")) for folder in kept[1:])
    dataset, loads = counted(drawn())
    again = run(section, dataset, results=Results(tmp_path))
    np.testing.assert_array_equal(again.logits.own, whole.logits.own)
    np.testing.assert_array_equal(again.oracles.own, whole.oracles.own)
    assert len(loads) == 10 - finished_photos + 5  # the oracle sees the 5 of fit again
    dataset, loads = counted(drawn())
    run(section, dataset, results=Results(tmp_path))
    assert loads == []


@pytest.mark.parametrize("threads", [1, 3])
def test_order_other_photos_and_threads_change_no_bit(linear, threads):
    section = teacher_section("torchscript", path=linear, batch=3, oracle=0.5)
    whole, dataset = run(section, drawn()), drawn()
    order = np.array([4, 1, 3, 0, 2, 9, 6, 7, 5, 8])
    turned = type(dataset)(**{
        **vars(dataset),
        "ids": tuple(f"photo {i}" for i in order),
        "label": dataset.label[order],
        "load": lambda i: dataset.load(int(order[i])),
        "digest": lambda i: dataset.digest(int(order[i])),
    })  # fmt: skip
    found = run(section, turned, threads=threads)
    np.testing.assert_array_equal(found.logits.own, whole.logits.own[order])
    np.testing.assert_array_equal(found.oracles.own, whole.oracles.own[order])


def test_what_the_logits_depend_on(linear, tmp_path):
    dataset = drawn()
    section = teacher_section("torchscript", path=linear)
    first = teacher_inputs(section, dataset, digests(dataset))
    assert teacher_inputs(section, dataset, digests(dataset)) == first
    copy = tmp_path / "other name.pt"
    copy.write_bytes(linear.read_bytes())
    section.path = copy
    assert teacher_inputs(section, dataset, digests(dataset)) == first  # the same file
    dataset.label[0, 0] = 1 - dataset.label[0, 0]
    assert teacher_inputs(section, dataset, digests(dataset)) == first  # labels are not looked at
    oracle = teacher_section("torchscript", path=copy, oracle=0.5)
    second = teacher_inputs(oracle, dataset, digests(dataset))
    assert second != first
    dataset.label[0, 0] = 1 - dataset.label[0, 0]
    assert teacher_inputs(oracle, dataset, digests(dataset)) != second
    section.preprocessing.crop = 0.9
    assert teacher_inputs(section, dataset, digests(dataset)) != first
    copy.write_bytes(b"others")
    section.preprocessing.crop = 0.0
    assert teacher_inputs(section, dataset, digests(dataset)) != first
    copy.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        teacher_inputs(section, dataset, digests(dataset))


class Broken(torch.nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :2] / 0


class Narrow(torch.nn.Module):
    """A bump: a long step from it goes over to where every class is far away."""

    def forward(self, x):
        return 5 - 100 * (x.mean((2, 3))[:, :2] - 0.5) ** 2


def test_values_that_are_no_numbers_or_look_like_shares_are_refused(tmp_path):
    with pytest.raises(DataError, match="logits are not finite numbers for the images 000, 001"):
        run(traced(tmp_path, Broken()), drawn())
    section = traced(tmp_path, flat(2, torch.nn.Sigmoid()))
    with pytest.raises(DataError, match="look like probabilities") as told:
        run(section, drawn())
    assert "teacher.outputs: probabilities" in told.value.remedy
    section.outputs = "logits"
    assert 0 < run(section, drawn()).logits.own.min() < 1


def test_a_step_that_is_too_large_is_warned_of_and_one_that_overflows_ends_the_run(tmp_path):
    dataset = drawn()
    dataset.label[:] = 1
    long = run(traced(tmp_path, Narrow(), oracle=1e4), dataset)
    assert "gamma 10000 is too large" in long.warnings[0]
    assert run(traced(tmp_path, Narrow(), oracle=0.01), dataset).warnings == ()
    section = traced(tmp_path, flat(2, torch.nn.Hardtanh()), oracle=1e300)
    section.outputs = "logits"
    with pytest.raises(DataError, match=r"gamma 1e\+300 is too large"):
        run(section, dataset)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return encoder_section(tiny_encoder(tmp_path_factory.mktemp("e") / "encoder", CONV), 96)


def image_vectors(section, dataset):
    """Unit vectors of the photos at the model's own size, by the model itself."""
    model = load_encoder(type(section)(model=section.model, pretrained=section.pretrained))
    with torch.inference_mode():
        pixels = np.stack([model.prepare(dataset.load(i)) for i in range(len(dataset.ids))])
        return model, model.model.encode_image(torch.from_numpy(pixels), normalize=True).numpy()


@pytest.mark.parametrize("background", [[], ["a photo", "a blank wall"]])
def test_zero_shot_logits_are_log_odds_against_the_background(encoder, background):
    dataset = drawn(classes=("bicycle", "tvmonitor"))
    said = {"prompts": ["a photo of a {}", "a drawing of a {}"], "background": background}
    said |= {"words": {"tvmonitor": "television set"}, "bias": {"default": 0.0, "bicycle": 1.5}}
    section = teacher_section("open_clip", **said, oracle=0.3)
    result = run(section, dataset, encoder, WORDS)
    model, image = image_vectors(encoder, dataset)
    text = model.embed_concepts(["bicycle", "television set"], section.prompts)
    other = model.embed_concepts(list(WORDS), section.prompts)
    if background:
        other = model.embed_text(background)
    scale = float(model.model.logit_scale.detach().exp())
    odds = logsumexp(scale * image @ other.T, axis=1, b=1 / len(other))
    expected = scale * image @ text.T - odds[:, None] + [1.5, 0]
    np.testing.assert_allclose(result.logits.own, expected, atol=1e-3)
    assert np.isfinite(result.oracles.own[:5]).all()
    assert result.attrs["teacher"] == "zero-shot, the concepts' encoder"
    assert result.attrs["teacher_preprocessing"]["size"] == [64, 64]  # its own, not the dense 96


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"words": {"bicycles": "bike"}}, "words names 'bicycles'.*Did you mean 'bicycle'"),
        ({"bias": {"default": 0.0, "bus": 1.0}}, "teacher.bias names 'bus', which is not a class"),
    ],
)
def test_names_that_are_no_classes_are_told(encoder, values, fault):
    with pytest.raises(DataError, match=fault):
        run(teacher_section("open_clip", **values), drawn(), encoder, WORDS)


def test_a_head_gives_fit_the_logits_of_heads_that_have_not_seen_it(encoder):
    dataset = drawn(40)
    section = teacher_section("head", folds=4, l2=0.1, oracle=0.2, batch=7)
    result = run(section, dataset, encoder)
    _, features = image_vectors(encoder, dataset)
    fit = np.arange(20)
    inputs = (features - features[fit].mean(0)) / features[fit].std(0)
    heads = fit_heads(features, dataset.label, fit, dataset.classes, section)
    for k in range(2):
        for fold in range(5):
            seen = [i for i in fit if heads.which[i, k] != fold and dataset.label[i, k] >= 0]
            model = LogisticRegression(C=1 / (0.1 * len(seen)), max_iter=5000, tol=1e-10)
            model.fit(inputs[seen], dataset.label[seen, k])
            rows = np.flatnonzero(heads.which[:, k] == fold)
            assert not set(rows) & set(seen)
            expected = model.decision_function(inputs[rows])
            np.testing.assert_allclose(result.logits.own[rows, k], expected, atol=2e-2)
    assert (heads.which[20:] == 4).all()  # tune and holdout: of all of fit
    record = result.attrs["oracle"]
    assert record["images"] == 20
    assert record["reinforced_task_loss"] < record["task_loss"]
    assert result.attrs["teacher_head"] == {"folds": 4, "l2": 0.1}
    again = run(section, drawn(40), encoder)
    np.testing.assert_array_equal(again.logits.own, result.logits.own)
    dataset.label[:20, 1] = np.arange(20) == 3
    with pytest.raises(DataError, match=r"in fit: 'train' \(1 present, 19 absent\)"):
        run(teacher_section("head"), dataset, encoder)


@pytest.mark.parametrize("l2", [1e-3, 1.0])
def test_newton_finds_the_heads_of_scikit_learn(l2):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(80, 100))  # the classes can be separated: the penalty decides
    label = (inputs[:, 0] + rng.normal(size=80) > 1).astype(np.int8)
    weight, bias = newton_logistic(inputs, label, l2, "cpu")
    model = LogisticRegression(C=1 / (l2 * 80), max_iter=20_000, tol=1e-9).fit(inputs, label)
    np.testing.assert_allclose(weight, model.coef_[0], atol=1e-4)
    assert bias == pytest.approx(model.intercept_[0], abs=1e-4)
    share = 1 / (1 + np.exp(-(inputs @ weight + bias)))  # the optimum, from its definition
    np.testing.assert_allclose(inputs.T @ (share - label) / 80 + l2 * weight, 0, atol=1e-8)
    assert (share - label).mean() == pytest.approx(0, abs=1e-8)


def test_heads_are_fitted_on_the_card_that_is_there(monkeypatch):
    from precompute.teachers import head

    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5))
    label = (features[:, :1] + rng.normal(size=(60, 1)) > 0).astype(np.int8)
    given = (features, label, np.arange(40), ("a",), teacher_section("head"))
    expected = head.fit_heads(*given)
    asked, plain = [], head.newton_logistic
    monkeypatch.setattr(head, "product_device", {"cuda:1": "cpu"}.get)
    monkeypatch.setattr(
        head, "newton_logistic", lambda *a, device: asked.append(device) or plain(*a, device)
    )
    found = head.fit_heads(*given, device="cuda:1")
    assert set(asked) == {"cpu"}
    assert found.l2 == expected.l2
    np.testing.assert_allclose(found.logits(features), expected.logits(features), atol=1e-2)

"""Pixel entropies against formulas that are known: linear features, and a network with a mask."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from inficond_panel.quantify.information import UNIT_ENTROPY, Perturbation, pixel_information  # noqa: E402
from inficond_panel.quantify.knowledge_points import contrast, count_points, knowledge_points  # noqa: E402

HEIGHT, WIDTH = 12, 16
PIXELS = HEIGHT * WIDTH


def images(count, channels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, HEIGHT, WIDTH, generator=generator)


def linear(seed=1, rows=60, channels=3):
    """f(x) = Ax, where pixels matter in different ways; and ‖J_i‖² of each, (H, W)."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.rand(channels, HEIGHT, WIDTH, generator=generator).add(0.05).flatten()
    matrix = torch.randn(rows, channels * PIXELS, generator=generator) * weight
    square = matrix.square().sum(0).reshape(channels, HEIGHT, WIDTH).sum(0)
    return (lambda x: x.flatten(1) @ matrix.T), square.double().numpy()


def optimum(square, tau=0.1, bound=1.0):
    """Entropies of a linear feature by hand.

    d/dσ_i of Σ σ_i² g_i / δ² - β Σ log σ_i is 0 at σ_i² = β δ² / (2 g_i), with δ² = τ² Σ g_i and
    β = 2 · bound / n: σ_i² = bound · τ² · mean(g) / g_i.
    """
    return 0.5 * np.log(bound * tau**2 * square.mean() / square) + UNIT_ENTROPY


def rms(error):
    """Of the image where it is largest."""
    return np.sqrt((error**2).mean((1, 2))).max()


@pytest.mark.parametrize(("tau", "bound"), [(0.1, 1.0), (0.05, 3.0)])
def test_of_a_linear_feature_the_entropies_are_those_of_the_closed_form(tau, bound):
    feature, square = linear()
    settings = Perturbation(tau=tau, bound=bound, limit=1e3, tolerance=0.03, rounds=60)
    found = pixel_information(feature, images(4), settings)
    assert found.converged.all()
    assert rms(found.entropy - optimum(square, tau, bound)) < 0.06  # nats, twice the tolerance
    assert found.inherent_variance == pytest.approx(tau**2 * square.sum(), rel=0.1)
    assert found.change == pytest.approx(bound, rel=0.1)  # the bound is what the noise changes


def test_the_distance_that_is_told_is_the_distance_to_the_optimum():
    feature, square = linear()
    rough = pixel_information(feature, images(16), Perturbation(limit=1e3, tolerance=1, rounds=1))
    true = np.sqrt(((rough.entropy - optimum(square)) ** 2).mean())
    assert np.sqrt((rough.distance**2).mean()) == pytest.approx(true, rel=0.4)
    assert true < 0.12


@pytest.mark.parametrize(("limit", "given"), [(1.0, {}), (0.5, {"limit": 0.5})])
def test_pixels_that_are_not_seen_are_at_the_limit_and_keep_no_other_from_the_optimum(limit, given):
    """Three quarters are not seen; of the others, by hand, σ² = β δ² / (2 g_i)."""
    generator = torch.Generator().manual_seed(4)
    weight = torch.rand(1, 1, HEIGHT, 4, generator=generator).add(0.2)
    settings = Perturbation(bound=0.25, tolerance=0.02, rounds=60, **given)
    found = pixel_information(lambda x: x[..., :4] * weight, images(6), settings)
    square = 3 * weight[0, 0].square().double().numpy()
    expected = 0.5 * np.log(0.25 * 0.01 * square.sum() / PIXELS / square) + UNIT_ENTROPY
    assert (found.entropy[:, :, 4:] == np.float32(np.log(limit) + UNIT_ENTROPY)).all()
    assert rms(found.entropy[:, :, :4] - expected) < 0.06
    assert found.converged.all()


@pytest.fixture(scope="module")
def masked():
    """A convolutional network that sees the pixels of a mask at full, the others at a tenth."""
    mask = torch.zeros(HEIGHT, WIDTH)
    mask[3:8, 4:11] = 1
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 24, 1, bias=False)
    turned = torch.nn.Conv2d(24, 24, 1, bias=False)

    def network(x):
        return turned(torch.tanh(convolution(x * (0.1 + 0.9 * mask))))

    return network, mask.bool().numpy()


def test_a_network_with_a_known_mask_gives_that_mask(masked):
    network, mask = masked
    found = pixel_information(network, images(5, seed=3), Perturbation(limit=10.0))
    masks = np.broadcast_to(mask, (5, HEIGHT, WIDTH))
    seen = contrast(found.entropy, masks)
    points = knowledge_points(seen)
    # b = 0.2 nats is twice the tolerance: a background pixel is a point where noise takes it there
    assert points[masks].all()
    assert (points == masks).mean((1, 2)).min() > 0.9
    assert (knowledge_points(seen, b=1.0) == masks).all()
    counts = count_points(knowledge_points(seen, b=1.0), masks)
    assert (counts.foreground == mask.sum()).all()
    assert (counts.ratio == 1).all()


def test_a_shift_of_the_scale_of_the_feature_changes_nothing(masked):
    network, _ = masked
    once = pixel_information(network, images(2))
    scaled = pixel_information(lambda x: 1000 * network(x), images(2))
    assert scaled.entropy == pytest.approx(once.entropy, abs=1e-3)
    assert scaled.inherent_variance == pytest.approx(1e6 * once.inherent_variance, rel=1e-4)


def test_the_objective_is_at_its_least(masked):
    """No scaling of the noise found, as a whole or of its contrast, has a smaller objective."""
    network, _ = masked
    inputs = images(1, seed=5)
    found = pixel_information(network, inputs, Perturbation(tolerance=0.03, rounds=40))
    log_sigma = torch.from_numpy(found.entropy).double() - UNIT_ENTROPY
    noise = torch.randn(1500, *inputs.shape[1:], generator=torch.Generator().manual_seed(9))

    def objective(log_sigma):
        with torch.no_grad():
            moved = network(inputs + log_sigma.exp()[:, None].float() * noise) - network(inputs)
        change = moved.square().flatten(1).sum(1).mean().double()
        return float(change / found.inherent_variance[0] - 2 / PIXELS * log_sigma.sum())

    least = objective(log_sigma)
    mean = log_sigma.mean()
    for factor in (-0.3, 0.3):
        assert objective(log_sigma + factor) > least
        assert objective(mean + (1 + factor) * (log_sigma - mean)) > least

"""A store's bits depend neither on threads nor on who started the process."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from precompute_factory import VIT, photo_set, tiny_encoder

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from inficond_panel.common.threads import one_torch_thread  # noqa: E402

RUN = """
import sys, precompute
from inficond_panel.spec import load_spec
spec, store, threads = sys.argv[1:]
print(precompute.run(load_spec(spec), store, workers=int(threads)).content_hash)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Photos and a spec; the encoder is large enough for torch to divide its sums."""
    folder = tmp_path_factory.mktemp("threads")
    photo_set(folder, 12)
    tiny_encoder(folder / "encoder", {**VIT, "layers": 3, "width": 256, "head_width": 64}, 224)
    spec = folder / "spec.yaml"
    spec.write_text(
        spec.read_text().replace("image_size: 96, batch: 3", "image_size: 224, batch: 4")
    )
    return folder


def run(home, store, threads, **environment):
    found = subprocess.run(
        [sys.executable, "-c", RUN, home / "spec.yaml", store, str(threads)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return found.stdout.split()[-1]


def test_a_store_has_the_same_bits_whatever_the_threads(home, tmp_path):
    hashes = {
        run(home, tmp_path / "a.zarr", 1, OMP_NUM_THREADS="1"),
        run(home, tmp_path / "b" / "a.zarr", 3, OMP_NUM_THREADS="5"),
    }
    assert len(hashes) == 1


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_torch_has_one_thread_in_each_thread_until_the_last_has_left(two_threads):
    seen = []
    barrier = threading.Barrier(2)

    def work():
        with one_torch_thread():
            barrier.wait()
            seen.append(torch.get_num_threads())
            barrier.wait()

    other = threading.Thread(target=work)
    with one_torch_thread():
        other.start()
        barrier.wait()
        assert torch.get_num_threads() == 1
        barrier.wait()
        other.join()
        assert torch.get_num_threads() == 1
    assert seen == [1]
    assert torch.get_num_threads() == 2


def test_an_encoder_gives_the_same_bits_with_any_number_of_torch_threads(home):
    from inficond_panel.spec import load_spec
    from precompute.encoder import load_encoder

    encoder = load_encoder(load_spec(home / "spec.yaml").concepts.encoder)
    pixels = np.random.default_rng(0).normal(size=(4, 3, 224, 224)).astype(np.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append((encoder.dense(pixels), encoder.embed_text(["sky", "a wheel"])))
    finally:
        torch.set_num_threads(before)
    for dense, text in found[1:]:
        np.testing.assert_array_equal(dense, found[0][0])
        np.testing.assert_array_equal(text, found[0][1])

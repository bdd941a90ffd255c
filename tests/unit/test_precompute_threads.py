"""A store's bits depend neither on threads nor on who started the process."""

import os
import subprocess
import sys
import threading

import pytest
from precompute_factory import VIT, photo_set, tiny_encoder

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

import precompute  # noqa: E402
from inficond_panel.common.threads import one_torch_thread  # noqa: E402
from inficond_panel.spec import load_spec  # noqa: E402

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


def test_a_store_has_the_same_bits_whatever_the_threads(home, tmp_path):
    here = precompute.run(load_spec(home / "spec.yaml"), tmp_path / "a.zarr", workers=1)
    there = subprocess.run(
        [sys.executable, "-c", RUN, home / "spec.yaml", tmp_path / "b" / "a.zarr", "3"],
        env={**os.environ, "OMP_NUM_THREADS": "5"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert here.content_hash == there.stdout.split()[-1]


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

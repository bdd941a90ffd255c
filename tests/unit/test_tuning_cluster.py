"""Students fitted and measured by the workers of a Dask cluster: the same bits as here."""

import gc
import itertools
import json
import os
import shutil
import signal
import weakref
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from factory import CLASSES, small_arrays, small_spec

from inficond_panel.cli import main
from inficond_panel.common.cluster import connected, keep_memory, on_cluster
from inficond_panel.distill.solver.exact import students_together
from inficond_panel.errors import InficondError, StoreError
from inficond_panel.results.levers import levers
from inficond_panel.results.metric_changes import changes
from inficond_panel.results.metrics import metrics
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.cluster import Cluster
from inficond_panel.tuning.opening import add_concept
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.replay import replay_into, same_weights
from inficond_panel.tuning.suggest import suggest
from inficond_panel.vocabulary.splits import TUNE

pytestmark = pytest.mark.commands

distributed = pytest.importorskip("distributed")
clusters = pytest.importorskip("clusters")

PART = students_together(100)
MANY = 2 * PART + 3  # classes: three parts


def many_arrays(**sizes):
    """As ``small_arrays``, with many classes: those of the small store again and again."""
    arrays = small_arrays(**sizes)
    noise, repeats = np.random.default_rng(0).normal(size=(200, MANY)), np.arange(MANY) % 4
    arrays["label"] = arrays["label"][:, repeats]
    arrays["teacher_logit"] = arrays["teacher_logit"][:, repeats] + 0.3 * noise
    arrays["class_name"] = np.array([f"{CLASSES[k]} {i}" for i, k in enumerate(repeats)])
    return arrays


@pytest.fixture(scope="module")
def cluster():
    """Two workers, and their scheduler."""
    with clusters.two_workers("inficond_panel.tuning.cluster") as cluster:
        yield cluster


def opened(folder, cluster, extra="", **given):
    """The same students here and on the cluster, of many classes; each has no history yet."""
    spec = small_spec(folder, make=many_arrays, extra=extra)
    workers = Cluster(cluster.scheduler_address, **given)
    here = open_tuner(spec, history=":memory:")
    return here, open_tuner(spec, history=folder / "cluster.sqlite", workers=workers)


@pytest.fixture
def open_both(tmp_path, cluster):
    """Open the same students here and on the cluster."""
    return partial(opened, tmp_path, cluster)


def same(here, there):
    """True if two nodes have the same id, bits and certificates."""
    return (here, here.gap, here.certificate) == (there, there.gap, there.certificate)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory, cluster) -> SimpleNamespace:
    """Students here and on the cluster, whose penalties are chosen, and what was told of it."""
    lines, shares, folder = [], [], tmp_path_factory.mktemp("distilled")
    extra = "students: {tolerance: 1.0e-5}\n"
    here, there = opened(folder, cluster, extra, tell=lines.append)
    root = there.root(lambda share, line: shares.append((share, line)))
    return SimpleNamespace(here=here, there=there, root=root, lines=lines, shares=shares)


def test_a_cluster_tells_its_workers(distilled):
    assert distilled.lines == [f"2 workers of {distilled.there.workers.address}"]


def test_a_cluster_chooses_with_equal_bits(distilled):
    here, there = distilled.here, distilled.there
    assert there.penalties == here.penalties
    assert len(set(here.penalties)) > 1  # chosen class by class


def test_a_cluster_distills_with_equal_bits(distilled):
    assert same(distilled.here.root(), distilled.root)


def test_a_cluster_tells_its_progress(distilled):
    shares = distilled.shares
    assert (1.0, f"{MANY} of {MANY} students fitted") in shares
    assert shares[0][1] == f"λ of {PART} of {MANY} classes chosen"


def test_a_cluster_refits_with_equal_bits(distilled):
    here, there, root = distilled.here, distilled.there, distilled.root
    name = here.store.classes[-1]
    edits = [Intent(each, "fur", "remove") for each in here.store.classes[:-1]]
    edits += [Learn(name, "teacher", 1.0), Lambda(name, 1e-3)]
    refits = [tuner.fine_tune(tuner.root(), edits) for tuner in (here, there)]
    assert same(*refits)
    assert not np.array_equal(refits[0].weights, root.weights)
    again, pairs = replay_into(there, ":memory:")  # here, without the cluster
    assert again.workers is None
    assert all(same_weights(old, new) for old, new in pairs)


def test_metrics_changes_and_suggestions_are_equal(open_both):
    tables = []
    for tuner in open_both():
        root, names = tuner.root(), tuner.store.classes[:3]
        first = tuner.fine_tune(root, [Learn(names[0], "labels", 1.0)])
        node = tuner.fine_tune(first, [Intent(names[1], "sky", "up")])
        few = {"classes": names, "draws": 50}
        suggestion = suggest(tuner, node, classes=names[:2])
        tables.append(
            (
                metrics(tuner, node, TUNE, **few),
                changes(tuner, root, node, TUNE, **few),
                levers(suggestion),
                [suggestion.intents, suggestion.gain],
            )
        )
    for here, there in zip(*tables, strict=True):
        if isinstance(here, list):
            assert here == there
        else:
            pd.testing.assert_frame_equal(here, there, check_exact=True)


def test_metrics_keep_one_tuner_alive(open_both):
    tuners, learn = [open_both()[0] for _ in range(3)], [Learn("bicycle 0", "labels", 1.0)]
    for tuner in tuners:
        metrics(tuner, tuner.fine_tune(tuner.root(), learn), TUNE, classes=["bicycle 0"])
    alive = weakref.WeakSet(tuners)
    del tuner, tuners
    gc.collect()
    assert len(alive) == 1


def test_typed_concepts_and_a_softmax_student_are_those_of_one_process(open_both):
    here, there = open_both()
    photos = [i for i in here.store.images[:40] if i]
    pair = [add_concept(tuner, "white", images=photos) for tuner in (here, there)]
    assert [len(tuner.store.concepts) for tuner in pair] == [31, 31]
    assert same(*(tuner.root() for tuner in pair))


def test_the_command_uses_the_cluster(tmp_path, cluster, capsys):
    spec = str(small_spec(tmp_path, make=many_arrays))
    assert main(["distill", spec, "--json", "--scheduler", cluster.scheduler_address]) == 0
    told = capsys.readouterr()
    assert f"2 workers of {cluster.scheduler_address}" in told.err
    here = open_tuner(spec, history=":memory:").root()
    assert json.loads(told.out)["weights_hash"] == here.weights_hash


def test_a_killed_worker_changes_no_bit(open_both, cluster):
    killed = []

    def kill(*_):
        if not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    here, there = open_both()
    assert same(here.root(), there.root(kill))
    assert killed


def test_a_scheduler_that_is_gone_is_one_sentence():
    given = {"n_workers": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**given) as other:
        results = on_cluster(other.scheduler_address, abs, itertools.count(), print)
        number, result = next(results)
        assert number == result
        other.close()
        with pytest.raises(InficondError, match=r"The Dask scheduler at \S+ is gone\.") as told:
            list(results)
    assert told.value.remedy


def test_only_a_worker_keeps_freed_memory(monkeypatch):
    options = []
    library = SimpleNamespace(mallopt=lambda *option: options.append(option))
    monkeypatch.setattr("ctypes.CDLL", lambda _: library)
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    keep_memory.__wrapped__()
    assert not options
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")  # as Dask starts workers
    keep_memory.__wrapped__()
    assert len(options) == 2


def test_an_invalid_address_is_refused_without_a_client(monkeypatch):
    monkeypatch.setattr(distributed, "Client", None)  # that of an invalid address cannot be closed
    with pytest.raises(InficondError, match="answers at nonsense: missing port"):
        list(on_cluster("nonsense", abs, [1], print))


def test_a_worker_that_lacks_a_package_is_one_sentence(cluster, monkeypatch):
    monkeypatch.setattr("inficond_panel.common.cluster._versions", lambda: 1 / 0)  # in the worker
    with pytest.raises(InficondError, match=r"could not compute a part: .*ZeroDivision") as told:
        list(on_cluster(cluster.scheduler_address, abs, [1], print))
    assert "same packages" in told.value.remedy


@pytest.fixture
def of_another_version(cluster):
    """A function that lets one worker state the version 0.0.1 of a package, until the test ends."""

    def change(name):  # sent to the worker as it is here
        from importlib.metadata import version

        from inficond_panel.common import cluster

        cluster.version = lambda each: "0.0.1" if each == name else version(each)

    with connected(cluster.scheduler_address) as client:
        worker = min(client.nthreads())
        yield lambda name: client.run(change, name, workers=[worker])
        client.run(change, "", workers=[worker])


def test_a_worker_with_another_version_of_this_package_is_refused(cluster, of_another_version):
    of_another_version("inficond-panel")
    with pytest.raises(InficondError, match=r"has inficond-panel 0\.0\.1, this process") as told:
        list(on_cluster(cluster.scheduler_address, abs, [1], print))
    assert told.value.remedy.startswith("Install the same version on all machines")


def test_a_worker_with_another_version_of_numpy_is_told(cluster, of_another_version):
    lines = []
    of_another_version("numpy")
    assert list(on_cluster(cluster.scheduler_address, abs, [-1], lines.append)) == [(0, 1)]
    assert "has numpy 0.0.1" in lines[0]


@pytest.mark.parametrize("there_is", ["another", "no"])
def test_a_worker_without_the_store_says_so(open_both, tmp_path, there_is):
    _, there = open_both()
    shutil.rmtree(there.store.path)
    if there_is == "another":
        small_spec(tmp_path, make=many_arrays, seed=1)
    with pytest.raises(StoreError, match="has another store, or no store, at") as told:
        there.root()
    assert "same store" in told.value.remedy

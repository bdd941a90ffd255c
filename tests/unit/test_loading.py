"""Modules that are loaded when, and scripts that leave nothing open."""

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from factory import small_spec
from waiting import PATIENCE

from inficond_panel.commands.serve import server
from inficond_panel.plots import cloud
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
SCREEN = {"panel", "holoviews", "bokeh", "datashader"}
TORCH = {"torch", "torchvision", "open_clip", "timm"}
EXTRAS = {"sklearn", "onnx", "onnxruntime"}
#: Slow to load, and only few results need them.
SLOW = {"scipy.stats", "scipy.optimize", "dask", "numba"}
#: One after the other in one process: modules, and packages that are not loaded after each.
ONE_BY_ONE = [
    ("inficond_panel", SCREEN | TORCH | EXTRAS | {"numpy", "pandas", "precompute"}),
    ("inficond_panel.spec", SCREEN | TORCH | EXTRAS | {"numpy", "precompute"}),
    ("inficond_panel.tuning", SCREEN | TORCH | EXTRAS | SLOW | {"precompute"}),
    ("inficond_panel.api.students", SCREEN | TORCH | EXTRAS | {"precompute"}),
    ("inficond_panel.export", SCREEN | TORCH | EXTRAS | {"precompute"}),
    ("inficond_panel.cli", SCREEN | TORCH | EXTRAS | {"precompute"}),
    ("inficond_panel.api.estimator", SCREEN | TORCH | {"onnx", "precompute"}),
    ("inficond_panel.state", SCREEN | TORCH | {"precompute"}),
    ("inficond_panel.app", TORCH | {"precompute"}),
]
IMPORTS = """
import importlib, sys
for module, absent in {modules!r}:
    importlib.import_module(module)
    print(*(f"{{module}}:{{name}}" for name in sorted(absent & set(sys.modules))))
"""
#: Draws with Datashader, once it is there, where numba finds no place to keep what it compiles.
READ_ONLY = """
import sys
from pathlib import Path
from numba.core import caching

def refuse(self):
    raise PermissionError("read-only")

caching.InTreeCacheLocator.ensure_cache_path = refuse
caching.UserWideCacheLocator.ensure_cache_path = refuse
from inficond_panel.plots.cloud import _KEPT, datashader_package
sys.modules["datashader"] = None
try:
    datashader_package()
except ModuleNotFoundError:
    del sys.modules["datashader"]
canvas = datashader_package().Canvas(4, 2, (0, 4), (0, 2))
import pandas as pd
print(int(canvas.points(pd.DataFrame({"x": [1.5], "y": [0.5]}), "x", "y").sum()))
print(Path(_KEPT[0].name).is_dir(), _KEPT[0].name, sep="\\n")
"""


def in_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "modules", [[("precompute", TORCH | SCREEN)], ONE_BY_ONE], ids=["alone", "one by one"]
)
def test_what_an_import_does_not_load(modules):
    done = in_python(IMPORTS.format(modules=modules))
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


#: Opens a store with other scores in place of its concepts'.
SEEN_OTHERWISE = """
import sys
from inficond_panel.store import open_store
from inficond_panel.tuning.null_students import null_store
null_store(open_store({path!r}))
print(*({slow!r} & set(sys.modules)))
"""


def test_a_store_that_is_seen_with_other_concepts_loads_nothing_slow(tmp_path):
    small_spec(tmp_path)
    path = str(tmp_path / "small.zarr")
    done = in_python(SEEN_OTHERWISE.format(path=path, slow=SLOW))
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_where_no_folder_can_be_written_numba_has_one_and_another_fault_of_the_import_is_told():
    done = in_python(READ_ONLY)
    assert done.returncode == 0, done.stderr
    *printed, folder = done.stdout.splitlines()
    assert printed == ["1", "True"]
    assert not Path(folder).exists()


def test_a_server_loads_ahead_in_a_thread_once_its_loop_runs(monkeypatch):
    loaded, waiting, seen = threading.Event(), [], []

    def load() -> None:
        seen.append(threading.current_thread())
        loaded.set()

    monkeypatch.setattr(server, "load_ahead", load)
    monkeypatch.setattr(server.health, "measure", lambda _: None)
    loop = SimpleNamespace(add_callback=waiting.append)
    given = SimpleNamespace(io_loop=loop, _tornado=None)
    assert server._Serve.customize_server(server._Serve.__new__(server._Serve), given) is given
    assert not seen  # the loop has not begun
    waiting[0]()
    assert loaded.wait(PATIENCE)
    assert seen[0] is not threading.current_thread()
    assert seen[0].daemon  # a server that is stopped meanwhile ends at once


#: What Python runs at its end refuses packages that register an end of their own.
LOADS_AT_THE_END = """
import atexit
from inficond_panel.commands.serve import server
atexit.register(server.load_ahead)
"""


def test_a_server_that_is_stopped_while_it_loads_ahead_ends_without_a_traceback():
    assert in_python(LOADS_AT_THE_END).stderr == ""


def test_another_fault_of_loading_ahead_is_told(monkeypatch):
    def broken() -> None:
        raise RuntimeError("a broken package")

    monkeypatch.setattr(server, "load_datashader", broken)
    with pytest.raises(RuntimeError, match="a broken package"):
        server.load_ahead()


def test_what_is_compiled_is_what_the_cloud_of_a_page_calls(monkeypatch):
    """Another type of the places would be compiled anew, at the first page."""
    types, original = [], cloud._counted

    def counted(places, *rest):
        types.append(places.dtype)
        return original(places, *rest)

    monkeypatch.setattr(cloud, "_counted", counted)
    server.load_ahead()
    assert {"scipy.stats", "datashader"} <= set(sys.modules)
    store = open_store(load_spec(find_spec("demo")).store)
    drawn = cloud.density_within(store, store.methods[0], cloud.WHOLE_MAP, cloud.WHOLE_MAP)
    assert drawn.values.any()
    assert types[0] == types[1]


#: SQLite's connections as Python 3.13 has them: it warns of those that nobody has closed.
WARNING = """
import functools, sqlite3, warnings

class Connection(sqlite3.Connection):
    closed = False

    def close(self):
        self.closed = True
        super().close()

    def __del__(self):
        if not self.closed:
            warnings.warn("unclosed database", ResourceWarning)

sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)
"""
USE = """
import inficond_panel

students = inficond_panel.open_students({spec!r}).fit()
students.remove("bicycle", "wheel").report()
students.metrics("tune", intervals=True)
students.export({folder!r})
inficond_panel.load_students({folder!r})
students.plot.knowledge("bicycle")
students.back_up({folder!r} + "/copy.sqlite").replay({folder!r} + "/again.sqlite")
students.bring_back({folder!r} + "/copy.sqlite")
"""
LET_GO = "del students\nopened = inficond_panel.open_students({spec!r}, history=':memory:').fit()\n"


def test_a_script_ends_without_a_warning(tmp_path):
    given = {"spec": str(small_spec(tmp_path)), "folder": str(tmp_path / "folder")}
    script = WARNING + (USE + LET_GO).format(**given)
    command = [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    slow = "Executing <"  # of asyncio's development mode, on a busy machine
    told = [line for line in done.stderr.splitlines() if not line.startswith(slow)]
    assert (done.returncode, told) == (0, [])

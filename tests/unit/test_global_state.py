"""A session is as it was after each public door: settings of other packages, random state."""

import json
import subprocess
import sys

import pytest
from factory import small_spec

pytestmark = pytest.mark.server

#: Each door in a session that plots by matplotlib, with what it changed in the session.
SESSION = """
import json, logging, os, random, sys, warnings
import bokeh.settings, holoviews as hv, matplotlib, numpy as np, onnx, pandas as pd, panel as pn
import PIL.Image, ruamel.yaml, scipy.sparse, scipy.stats, sklearn, zarr  # their own changes
import datashader, xarray
xarray.decode_cf(xarray.Dataset())  # adds a filter of warnings of its own
hv.extension("matplotlib")

def state():
    options = hv.Store.options("matplotlib")
    return {
        "backend": hv.Store.current_backend,
        "options of matplotlib": {
            name: str({group: each.kwargs for group, each in tree.groups.items()})
            for name, tree in options.items()
        },
        "output of HoloViews": repr(hv.Store.output_settings.options),
        "Panel": {name: repr(getattr(pn.config, name)) for name in pn.config.param},
        "warnings": [repr(each) for each in warnings.filters] + [repr(warnings.showwarning)],
        "numpy": repr((np.get_printoptions(), np.geterr(), np.random.get_state())),
        "random": repr(random.getstate()),
        "root logger": (logging.root.level, repr(logging.root.handlers)),
        "logging": logging.root.manager.disable,
        "loggers": {
            name: (each.level, each.disabled, each.propagate)
            for name, each in logging.root.manager.loggerDict.items()
            if isinstance(each, logging.Logger) and (each.level or each.disabled)
        },
        "matplotlib": repr(dict(matplotlib.rcParams)),
        "pandas": [pd.get_option(f"display.{each}") for each in ("max_rows", "width", "precision")],
        "xarray": repr(xarray.get_options()),
        "zarr": repr(zarr.config.config),
        "Pillow": PIL.Image.MAX_IMAGE_PIXELS,
        "process": (dict(os.environ), os.getcwd(), sys.path[:], sys.argv[:], repr(sys.excepthook)),
    }

changed = {}

def door(name, use):
    before = state()
    use()
    after = state()
    changed[name] = [key for key in before if before[key] != after[key]]

def load():
    global inficond_panel, students
    import inficond_panel

def start():
    global students
    students = inficond_panel.open_students("small.yaml", history=":memory:")

def estimate():
    scores = np.random.default_rng(0).normal(size=(50, 5))
    inficond_panel.ConceptStudents().fit(scores, scores[:, :2])

def command():
    from inficond_panel.cli import main
    assert main(["check", "demo"]) == 0

def plot(name, *arguments):
    drawn = getattr(students.plot, name)(*arguments)
    hv.Store.renderers["bokeh"].get_plot(drawn)

door("import", load)
door("open_students", start)
door("metrics", lambda: students.metrics("tune"))
door("doctor", lambda: students.doctor())
door("remove", lambda: students.remove("bicycle", "wheel"))
for name, *arguments in PLOTS:
    door(f"plot.{name}", lambda: plot(name, *arguments))
door("page", lambda: students.page("page.html", "bicycle"))
door("export", lambda: students.export("exported", ["npz", "onnx"]))
door("ConceptStudents", estimate)
door("command", command)
"""
PLOTS = [
    ("performance",),
    ("knowledge", "bicycle"),
    ("what_if", "bicycle", "wheel"),
    ("embedding", "bicycle", "", "wheel"),
    ("provenance",),
    ("matrix",),
    ("confusion", "bicycle"),
    ("reliability", "bicycle"),
    ("coverage", "bicycle"),
]
DOORS = [
    *("import", "open_students", "metrics", "doctor", "remove"),
    *(f"plot.{name}" for name, *_ in PLOTS),
    *("page", "export", "ConceptStudents", "command"),
]
#: At last ``explore``, whose page has a font of ours.
EXPLORE = """
before = state()
students.explore()
after = state()
css = [name for name in pn.config.param if before["Panel"][name] != after["Panel"][name]]
changed["explore"] = [key for key in before if key != "Panel" and before[key] != after[key]] + css
hv.Curve([1, 2, 3]).opts(fig_size=200)  # an option of matplotlib alone
print(json.dumps(changed), flush=True)
sys.stderr.flush()
os._exit(0)  # threads of other packages may still run: how these end is not tested
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """What each door changed in a session of its own."""
    code, folder = f"PLOTS = {PLOTS!r}\n{SESSION}\n{EXPLORE}", tmp_path_factory.mktemp("session")
    small_spec(folder)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:param", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("door", DOORS)
def test_a_door_changes_no_setting_of_the_session(changed, door):
    assert changed[door] == []


def test_explore_adds_its_font_to_pages_alone(changed):
    assert changed["explore"] == ["global_css"]

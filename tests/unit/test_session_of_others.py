"""What an import or a plot of ours leaves as it was in Panel, Bokeh and HoloViews.

Each session is a process of its own, since this one has loaded the page already.
"""

import json
import subprocess
import sys

import pytest
from factory import small_spec

pytestmark = [pytest.mark.slow, pytest.mark.server]

#: Prints what each use changed: functions by module and class, the current backend, log filters.
SESSION = """
import inspect, json, logging, os, sys
import bokeh.server.server, holoviews as hv, panel as pn, panel.io.server, tornado.web
LOADED
import holoviews.util

PACKAGES = ("bokeh", "holoviews", "panel", "param", "pyviz_comms", "tornado", "zarr")

def functions():
    found = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES:
            for key, value in list(vars(module).items()):
                if inspect.isclass(value) and value.__module__ == name:
                    held = dict(vars(value)).items()
                    found |= {f"{name}.{key}.{at}": id(it) for at, it in held if takes(it)}
                elif callable(value):
                    found[f"{name}.{key}"] = id(value)
    return found

def takes(value):
    return inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod))

def state():
    filters = {
        name: len(each.filters)
        for name, each in logging.root.manager.loggerDict.items()
        if isinstance(each, logging.Logger)
    }
    return functions(), hv.Store.current_backend, filters

changed = {}
for use, code in json.loads(sys.argv[1]).items():
    before, backend, filters = state()
    exec(code)
    after, now, later = state()
    changed[use] = {
        "functions": [name for name in before if after.get(name) != before[name]],
        "backend": [backend, now],
        "filters": [name for name in filters if filters[name] != later.get(name)],
    }
print(json.dumps(changed), flush=True)
os._exit(0)  # without the end of the session's threads
"""
IMPORT = "import inficond_panel"
OPEN = """
from inficond_panel import open_students
students = open_students('small.yaml', history=':memory:')
"""
PLOT = (
    OPEN
    + """
for name, arguments in [("performance", []), ("knowledge", ["bicycle"]), ("matrix", []),
                        ("what_if", ["bicycle", "wheel"]), ("embedding", ["bicycle", "", "wheel"]),
                        ("provenance", []), ("confusion", ["bicycle"]), ("coverage", ["bicycle"]),
                        ("reliability", ["bicycle"])]:
    drawn = getattr(students.plot, name)(*arguments)
    if hv.Store.current_backend in hv.Store.renderers:  # else HoloViews draws nothing
        hv.Store.renderers["bokeh"].get_plot(drawn)
"""
)
PAGE = OPEN + "\nimport inficond_panel.app\nstudents.page('page.html', 'bicycle')"
USES = {"import": IMPORT, "open_students": OPEN, "plots": PLOT, "page": PAGE}
BACKENDS = {"bokeh": "hv.extension('bokeh')", "matplotlib": "hv.extension('matplotlib')"}
#: That of our own plots changes nothing even if they load it.
OWN_BACKEND = pytest.param("bokeh", marks=pytest.mark.more)


def changed_by_each(uses, loaded, folder):
    """What each code of ``uses`` changes, one after the other, in a session that ran ``loaded``."""
    small_spec(folder)
    command = [sys.executable, "-c", SESSION.replace("LOADED", loaded), json.dumps(uses)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def changed_by(use, loaded, folder):
    """What the code ``use`` changes in a session that has run ``loaded``."""
    return changed_by_each({"use": use}, loaded, folder)["use"]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """What each use changes in a session without a backend of HoloViews."""
    return changed_by_each(USES, "", tmp_path_factory.mktemp("session"))


@pytest.fixture(params=list(USES))
def changed(request, session):
    """What a use changes."""
    return session[request.param]


def test_functions_of_other_packages_are_the_same(changed):
    assert changed["functions"] == []


def test_loggers_of_other_packages_get_no_filter(changed):
    assert changed["filters"] == []


def test_the_backend_is_the_same_where_none_is_loaded(changed):
    before, after = changed["backend"]
    assert after == before


@pytest.mark.parametrize("backend", [OWN_BACKEND, "matplotlib"])
def test_plots_leave_the_backend_that_the_session_has_loaded(backend, tmp_path):
    assert changed_by(PLOT, BACKENDS[backend], tmp_path)["backend"] == [backend, backend]


def test_a_plot_is_drawn_by_the_backend_that_is_loaded_after_it(tmp_path):
    use = PLOT + "\nhv.extension('bokeh')\nhv.Store.renderers['bokeh'].get_plot(drawn)"
    assert changed_by(use, "", tmp_path)["backend"] == ["matplotlib", "bokeh"]


def test_a_function_that_is_replaced_is_seen(tmp_path):
    use = "from panel import custom\ncustom.freeze_doc = lambda *_: None"
    assert changed_by(use, "", tmp_path)["functions"] == ["panel.custom.freeze_doc"]


def test_a_page_in_a_notebook_takes_the_workarounds(tmp_path):
    use = OPEN + "\nstudents.explore()"
    assert "panel.custom.freeze_doc" in changed_by(use, "", tmp_path)["functions"]

"""The page and single views in a kernel, as each kind of notebook gets them: one kernel a kind."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import nbformat
import pytest
from factory import small_spec
from keep_outputs import Manager
from nbclient import NotebookClient
from nbclient.util import run_sync
from test_notebook import ROOT, script
from waiting import PATIENCE, wait_until

LIVE = "application/vnd.holoviews_exec.v0+json"
OPEN = (
    "import asyncio, inficond_panel\n"
    "session = inficond_panel.explore('small.yaml', history=':memory:')\n"
    "session.views.performance"
)
WIDGETS = "__import__('ipywidgets').widgets.widget._instances"
#: Id of the widget made last, and the views of it that the kernel has counted.
NEWEST = f"[(at, widget._view_count) for at, widget in {WIDGETS}.items()][-1]"
WAIT = "while session.app is None:\n    await asyncio.sleep(0.05)"


class Notebook:
    """A notebook's end of the kernel: runs cells, and answers for the widgets."""

    def __init__(self, folder):
        manager = Manager(connection_file=str(folder / "kernel.json"))
        self._notebook = nbformat.v4.new_notebook()
        patient = dict.fromkeys(("timeout", "startup_timeout", "iopub_timeout"), PATIENCE)
        self.client = NotebookClient(
            self._notebook, km=manager, shutdown_kernel="immediate", **patient
        )
        self.subshell = None
        self.displays = defaultdict(list)  # contents by display id, in the order they came

    def follow_displays(self):
        """Keep the contents of each display, whichever cell runs when they come, as a browser does.

        nbclient drops what comes between two cells: its message names the cell before.
        """
        channel = self.client.kc.iopub_channel
        receive = channel.get_msg

        async def get_msg(**options):
            message = await receive(**options)
            content = message["content"]
            if at := content.get("transient", {}).get("display_id"):
                self.displays[at].append(content["data"].get("text/html", ""))
            return message

        channel.get_msg = get_msg

    def stills(self):
        """HTML of the only still picture that is displayed, from the first to the last."""
        [stills] = [each for each in self.displays.values() if 'class="inficond-still' in each[0]]
        assert "<script" not in "".join(stills)
        return stills

    def run(self, source):
        """Run a cell; its outputs."""
        self._notebook.cells.append(nbformat.v4.new_code_cell(source))
        number = len(self._notebook.cells) - 1
        return self.client.execute_cell(self._notebook.cells[-1], number).outputs

    def show(self, source):
        """Run a cell that displays a widget, and have one view of it; its id.

        Until the kernel has counted the view, another widget may take the place of this one.
        """
        self.run(source)
        newest, views = self.ask(NEWEST)
        while not views:
            self.send(newest, method="update", state={"_view_count": 1}, buffer_paths=[])
            newest, views = self.ask(NEWEST)
        return newest

    def send(self, widget, **data):
        """Send a message of the browser to a widget."""
        self.tell("comm_msg", comm_id=widget, data=data)

    def tell(self, kind, **content):
        """Send a message to the kernel, to the subshell if there is one."""
        message = self.client.kc.session.msg(kind, content)
        message["header"]["subshell_id"] = self.subshell
        self.client.kc.shell_channel.send(message)

    def open_subshell(self):
        """Send what follows from the browser to a thread of its own, as JupyterLab does."""
        client = self.client.kc
        client.control_channel.send(client.session.msg("create_subshell_request"))
        reply = run_sync(client.get_control_msg)(timeout=PATIENCE)
        self.subshell = reply["content"]["subshell_id"]

    def ask(self, expression):
        """Value of an expression in the kernel, as JSON has it."""
        outputs = self.run(f"import json\nprint(json.dumps({expression}))")
        printed = "".join(output.get("text", "") for output in outputs)  # it may come in parts
        return json.loads(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def comms(request):
    """Kind of notebook: ``default``, ``ipywidgets``, ``vscode`` or ``colab``."""
    return request.param


def more(kind):
    """A kind whose kernel starts with ``--more`` only: another one shows the same mechanism."""
    return pytest.param(kind, marks=pytest.mark.more)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory, comms):
    folder = tmp_path_factory.mktemp(comms)
    small_spec(folder)
    notebook = Notebook(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PYTHONPATH": ROOT, "HOME": folder, "PANEL_COMMS": comms}.items():
            patch.setenv(name, str(value))
        patch.chdir(folder)
        with notebook.client.setup_kernel(cleanup_kc=True):
            notebook.follow_displays()
            yield notebook


@pytest.fixture
def notebook(kernel):
    """A session of its own in the kernel, closed at the test's end."""
    kernel.subshell = None
    kernel.displays.clear()
    yield kernel
    kernel.run("session.close()")


def bundles(outputs):
    assert not [out for out in outputs if out.output_type in {"error", "stream"}], outputs
    return [out.data for out in outputs]


def of(widget):
    """Expression of the id of the table's data in one widget: another may have lost its view."""
    table = {"class_name": "PerformanceTable"}
    return f"{WIDGETS}[{widget!r}]._model.select_one({table}).data.id"


def choose(table):
    """Message of the browser for a click on a class in the table of that id."""
    change = {"kind": "ModelChanged", "attr": "selected", "new": "bicycle"}
    return {**change, "model": {"id": table}}


@pytest.mark.parametrize("comms", ["default", more("colab"), "vscode"], indirect=True)
def test_a_cell_holds_its_live_view_in_the_font_of_the_page(notebook, comms):
    *_, shown = loaded = bundles(notebook.run(OPEN))
    fonts = [script(data).count("@font-face { font-family: 'InFiConD Inter'") for data in loaded]
    assert max(fonts) == 1
    if comms == "vscode":
        return  # it shows a widget
    assert LIVE in shown
    notebook.run(WAIT)
    shown = bundles(notebook.run("session.views.knowledge"))[-1]
    assert "KnowledgeTable" in shown["text/html"]
    assert not re.search(r"https?://[^\"' ]*\.(css|js)\b", shown["text/html"])


@pytest.mark.parametrize("comms", [more("ipywidgets"), "vscode"], indirect=True)
def test_a_widget_takes_and_gives(notebook):
    first = notebook.show(OPEN)
    notebook.run(WAIT)
    click = choose(notebook.ask(of(first)))
    notebook.send(first, method="custom", content={"event": "jsevent", **click})
    assert notebook.ask("session.app.selection.class_name") == "bicycle"

    second = notebook.show("session.views.knowledge")
    bundle = notebook.ask(f"str({WIDGETS}[{second!r}].render_bundle)")
    assert "wheel" in bundle
    assert "https://" not in bundle


TABLE = "session._shown['performance'].table"
WATCH = (
    "import threading\n"
    "threads = []\n"
    "def note(event): threads.append(threading.current_thread().name)\n"
    "watcher = session.app.selection.param.watch(note, 'class_name')"
)


@pytest.mark.parametrize("comms", ["default", "vscode"], indirect=True)
def test_a_click_that_a_subshell_receives_is_done_where_cells_are_run(notebook, comms):
    widget = notebook.run(OPEN) if comms == "default" else notebook.show(OPEN)
    notebook.run(WAIT)
    notebook.run(WATCH)
    table = f"list({TABLE}._models.values())[0][0].data.id" if comms == "default" else of(widget)
    click = choose(notebook.ask(table))
    notebook.open_subshell()
    if comms == "default":
        target = notebook.ask("list(session.views.performance._comms.values())[0][1].id")
        header = {"msgid": "1", "msgtype": "PATCH-DOC"}
        patch = {"header": header, "metadata": {}, "content": {"events": [click]}}
        notebook.tell("comm_open", comm_id="browser", target_name=target, data={})
        notebook.send("browser", **patch)
    else:
        notebook.send(widget, method="custom", content={"event": "jsevent", **click})
    notebook.run("while not threads:\n    await asyncio.sleep(0.05)")
    found = notebook.ask("[threads, session.app.selection.class_name]")
    assert found == [["MainThread"], "bicycle"]


DRAWN = (
    "still = session.views.performance.still\n"
    "while still._waiting or 'data:image' not in still._shown['text/html']:\n"
    "    await asyncio.sleep(0.05)"
)


@pytest.mark.parametrize("comms", ["default"], indirect=True)
def test_the_notebook_keeps_a_still_picture_that_follows_what_is_shown(notebook):
    notebook.run(OPEN)
    assert "was still empty" in notebook.stills()[0]
    notebook.run(WAIT)
    notebook.run(DRAWN)
    before = kept(notebook, lambda still: "<img src=" in still)
    assert len(before) < 100_000
    # a page made after another leaves the address of the notebook alone
    assert notebook.ask("inficond_panel.explore('small.yaml', history=':memory:').address") is None
    notebook.run(f"session._publish(lambda: setattr({TABLE}, 'selected', 'bicycle'))\n{DRAWN}")
    kept(notebook, lambda still: still != before)


def kept(notebook, is_it):
    """The kept picture once ``is_it``: a kernel may send it after a cell has ended."""

    def come():
        notebook.run("await asyncio.sleep(0)")
        return is_it(notebook.stills()[-1])

    wait_until(come, "a still picture of the cell")
    return notebook.stills()[-1]

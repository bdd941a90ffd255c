"""Panel's thread pool: pages refuse it in words, and messages that overlap silence no logger."""

import logging
import threading

import panel as pn
import pytest
from bokeh.document import Document
from panel.models.esm import DataEvent
from studies import small_study
from waiting import PATIENCE

from inficond_panel.api.notebook import explore
from inficond_panel.commands.serve.panel_serve import guarded
from inficond_panel.errors import InficondError
from inficond_panel.study.pages.board import BoardPage
from inficond_panel.study.pages.participant import ParticipantPage
from inficond_panel.ui.component import Component

pytestmark = [pytest.mark.commands, pytest.mark.page]

WORDS = "cannot run in Panel's thread pool"
PANEL = logging.getLogger("panel.reactive")


class Listening(Component):
    _esm = "export function render() { return 'listening' }"


@pytest.fixture
def listening():
    view = Listening()
    root = view.get_root(Document())
    return view, lambda message: view._process_event(DataEvent(root, message))


@pytest.fixture
def pool():
    pn.config.nthreads = 2
    yield
    pn.config.nthreads = None


def test_two_messages_that_overlap_leave_panels_logger_enabled(listening):
    view, send = listening
    reached = {1: threading.Event(), 2: threading.Event()}
    go_on = {1: threading.Event(), 2: threading.Event()}

    def handle(event):
        number = event.data["number"]
        reached[number].set()
        assert go_on[number].wait(PATIENCE)

    view.on_msg(handle)
    threads = {n: threading.Thread(target=send, args=({"number": n},)) for n in (1, 2)}
    for number, thread in threads.items():  # the second begins before the first ends
        thread.start()
        assert reached[number].wait(PATIENCE)
    for number, thread in threads.items():  # and ends after it
        go_on[number].set()
        thread.join()
    assert not PANEL.disabled


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_other_records_of_panels_logger_come_out_while_a_message_is_handled(
    listening, caplog, level
):
    view, send = listening
    view.on_msg(lambda _: PANEL.log(level, "of another part"))
    send({"a": 1})
    assert "of another part" in caplog.messages


def test_a_failure_of_another_component_of_panel_is_logged_with_its_values(caplog):
    slider = pn.widgets.IntSlider(end=5)
    with pytest.raises(ValueError, match="secret"):
        slider._process_events({"value": "secret"})
    assert "secret" in caplog.text


def test_a_message_is_refused_in_words_if_an_app_starts_the_pool_later(listening, pool, caplog):
    view, send = listening
    heard = []
    view.on_msg(heard.append)
    send({"a": 1})
    assert (heard, WORDS in caplog.text) == ([], True)


def test_a_page_in_an_app_with_the_pool_is_refused(pool):
    with pytest.raises(InficondError, match=WORDS):
        explore("demo")


@pytest.mark.parametrize("page", [ParticipantPage, BoardPage])
def test_a_page_of_a_study_is_refused_in_the_pool(tmp_path, pool, page):
    with pytest.raises(InficondError, match=WORDS):
        page(small_study(tmp_path, prepare=False))


@pytest.mark.parametrize(
    "flag", ["--num-threads 2", "--num-threads=2", "--num-t 2", "--num-threads=0"]
)
@pytest.mark.parametrize("command", ["serve demo", "demo", "study serve inficond"])
def test_the_flag_is_refused_with_a_remedy(capsys, run, command, flag):
    with pytest.raises(SystemExit) as exit_:
        run(*command.split(), *flag.split())
    text = capsys.readouterr().err
    assert (exit_.value.code, WORDS in text, "--num-procs" in text) == (2, True, True)


@pytest.mark.parametrize("number", ["2", "0"])
def test_the_environment_variable_is_refused_with_a_remedy(monkeypatch, run, number):
    monkeypatch.setenv("PANEL_NUM_THREADS", number)
    status, _, text = run("serve", "demo")
    assert (status, WORDS in text, "PANEL_NUM_THREADS" in text) == (1, True, True)


APP = "inficond_panel/app.py"


@pytest.mark.parametrize(
    "line",
    [
        f"panel serve {APP} --num-threads 2",
        f"panel serve --num-threads=0 {APP} --args demo",
        f"panel serve {APP} --num-th 2",
    ],
)
def test_panel_serve_ends_with_the_words(line):
    with pytest.raises(SystemExit, match=WORDS):
        guarded(line.split())


def test_panel_serve_ends_with_the_words_for_the_environment_variable(monkeypatch):
    monkeypatch.setenv("PANEL_NUM_THREADS", "2")
    with pytest.raises(SystemExit, match=WORDS):
        guarded(f"panel serve {APP}".split())


@pytest.mark.parametrize(
    "line",
    [
        "panel serve own.py --num-threads 2",
        f"panel serve {APP} --num-procs 2",
        f"panel serve {APP} --args demo --num-threads 2",
    ],
)
def test_other_servers_of_panel_start(line, monkeypatch):
    monkeypatch.setattr("inficond_panel.serving.health.watch", lambda _: None)
    assert guarded(line.split())[-1] == line.split()[-1]

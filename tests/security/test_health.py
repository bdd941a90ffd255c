"""``/health``, ``/metrics`` and the guards, which are there before a page has been opened."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from factory import small_spec
from waiting import wait_until
from wire import serving

import inficond_panel
from inficond_panel.commands.serve.panel_serve import guarded
from inficond_panel.common import monitoring
from inficond_panel.common.logs import JsonLines
from inficond_panel.errors import HistoryError, TuningError
from inficond_panel.serving import health, sessions
from inficond_panel.state import Job, Jobs, jobs

APP = str(Path(inficond_panel.__file__).with_name("app.py"))
#: Answers without a page, as soon as the server listens.
ICON = "/favicon.ico"
OWN_APP = "import panel as pn\npn.panel('mine').servable()\n"
#: ``panel`` as it starts where the installed package has no entry points.
UNREGISTERED = """
import panel.entry_points
panel.entry_points.entry_points_for = lambda group: iter(())
from panel.command import main
main()
"""


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "own.py").write_text(OWN_APP)
    return str(small_spec(tmp_path, images=60))


@pytest.mark.parametrize(
    ("command", "specs"),
    [
        (["panel", "serve", APP, "--args", "{spec}"], 1),
        pytest.param(
            ["panel", "serve", "--num-procs", "2", APP, "--args", "{spec}", "{spec}"],
            2,
            marks=pytest.mark.more,
        ),
        (["panel", "serve", "{own}", "--plugins", "inficond_panel.serving.plugin"], 0),
        (["serve", "{spec}"], 1),
    ],
)
def test_the_first_request_meets_the_guards(tmp_path, spec, command, specs) -> None:
    filled = [word.format(spec=spec, own=tmp_path / "own.py") for word in command]
    history = str(tmp_path / "history.sqlite")
    given = {"page": ICON, "forked": command[0] == "serve", "INFICOND_HISTORY": history}
    with serving(tmp_path, *filled, **given) as server:
        assert server.get("/components/unittest.__main__/a/b/c")[0] == 404
        wait_until(lambda: server.get("/health")[0] == 200, "the specs are open")
        _, headers, text = server.get("/health")
        assert json.loads(text) == {"status": "ok", "ready": specs, "specs": specs}
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert metrics(server)["inficond_specs_ready"] == specs
        assert server.get("/components/unittest.__main__/a/b/c")[0] == 404  # it is still there
        if command[0] == "serve":
            assert metrics(server)["inficond_sessions"] == 0
            assert server.get("/app")[0] == 200
            assert metrics(server)["inficond_sessions"] == 1


def test_health_says_before_any_page_that_a_spec_cannot_be_read(tmp_path) -> None:
    command = ["panel", "serve", APP, "--args", str(tmp_path / "none.yaml")]
    with serving(tmp_path, *command, page=ICON) as server:
        assert server.get("/health")[0] == 503


def test_other_commands_of_panel_are_left_as_they_are(tmp_path) -> None:
    own = ("panel serve", f"panel serve {tmp_path}/app.py", f"panel serve own.py --args {APP}")
    for line in ("panel", f"panel convert {APP}", *own):
        assert guarded(line.split()) == line.split()


def test_a_page_says_where_its_server_was_not_guarded(tmp_path, spec) -> None:
    (tmp_path / "unregistered.py").write_text(UNREGISTERED)
    command = ["unregistered", "serve", APP, "--args", spec]
    places = {"PYTHONPATH": str(tmp_path), "INFICOND_HISTORY": str(tmp_path / "history.sqlite")}
    with serving(tmp_path, *command, page="/app", **places) as server:
        assert "no guards" in server.log.read_text()
        assert server.get("/components/unittest.__main__/a/b/c")[0] == 404  # from now on


# --- metrics


@pytest.fixture
def histogram(monkeypatch) -> monitoring.Histogram:
    """A histogram of 0.05 s, 0.06 s and 100 s."""
    histogram = monitoring.Histogram("seconds", "job", "words")
    for seconds in (0.05, 0.06, 100.0):
        histogram.observe("refit", seconds)
    return histogram


@pytest.mark.parametrize(
    ("limit", "number"), [("0.01", 0), ("0.05", 1), ("0.1", 2), ("60.0", 2), ("+Inf", 3)]
)
def test_a_bucket_counts_what_took_no_longer_than_its_limit(histogram, limit, number) -> None:
    wanted = ("_bucket", {"job": "refit", "le": limit}, number)
    assert wanted in list(histogram.samples())


def test_a_histogram_has_the_sum_of_its_durations(histogram) -> None:
    assert ("_sum", {"job": "refit"}, pytest.approx(100.11)) in list(histogram.samples())


def test_a_histogram_has_the_number_of_its_durations(histogram) -> None:
    assert ("_count", {"job": "refit"}, 3) in list(histogram.samples())


@pytest.mark.parametrize("key", ["refit", "move 7"])
def test_a_job_is_counted_under_its_kind(monkeypatch, key) -> None:
    counted = monitoring.Histogram("seconds", "job", "words")
    monkeypatch.setattr(jobs, "JOBS", counted)
    work = Job(key, lambda _: None, lambda _: None, lambda _: None)
    Jobs(inline=True).submit(work)
    assert ("_count", {"job": key.split()[0]}, 1) in list(counted.samples())


def raises(error: Exception) -> Job:
    """A refit that ends with ``error``."""

    def work(_: Job) -> None:
        raise error

    return Job("refit", work, lambda _: None, lambda _: None)


def test_a_job_that_fails_is_not_counted(monkeypatch) -> None:
    counted = monitoring.Histogram("seconds", "job", "words")
    monkeypatch.setattr(jobs, "JOBS", counted)
    Jobs(inline=True).submit(raises(TuningError("no such concept")))
    assert list(counted.samples()) == []


@pytest.mark.parametrize(
    ("error", "errors"), [(HistoryError("its disk\nis full"), 1), (TuningError("no"), 0)]
)
def test_a_history_that_cannot_be_written_is_an_error_in_the_log(caplog, error, errors) -> None:
    monitoring.count_errors()
    before = monitoring.errors()
    Jobs(inline=True).submit(raises(error))
    assert monitoring.errors() - before == errors
    assert ("cannot use its history: its disk is full" in caplog.text) == bool(errors)


def test_errors_in_the_log_are_counted() -> None:
    monitoring.count_errors()
    before = monitoring.errors()
    logging.getLogger("inficond_panel.test").error("one")
    logging.getLogger("inficond_panel.test").warning("none")
    assert monitoring.errors() == before + 1


def test_each_sample_names_its_process(served) -> None:
    lines = served[0].get("/tools/metrics")[2].splitlines()
    [process] = {re.search(r'process="(\d+)"', line)[1] for line in lines if line[0] != "#"}
    assert int(process) == served[0].process.pid


def test_requests_are_counted_with_their_durations(served) -> None:
    server, _ = served
    server.get("/tools/nowhere")
    name, labels = "inficond_request_seconds_count", 'status="404"'
    assert samples(server, "/tools")[name, labels] == 1


# --- logs


@pytest.mark.parametrize("there", [True, False])
def test_a_browser_that_leaves_while_its_page_opens_is_no_fault(caplog, there) -> None:
    """Tornado asserts that it is there, when Bokeh asks for the subprotocol."""
    socket = SimpleNamespace(ws_connection=object() if there else None, connection=None)
    sessions._refused(lambda *_: None, socket, AssertionError, AssertionError(), None)
    assert bool(caplog.records) == there


def record(**changes) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "a.b", "levelname": "WARNING", "msg": "two\n%s", "args": ("lines",), **changes}
    )


def test_a_line_of_json_is_one_line() -> None:
    assert "\n" not in JsonLines().format(record())


@pytest.mark.parametrize(
    ("key", "value"), [("level", "WARNING"), ("logger", "a.b"), ("message", "two\nlines")]
)
def test_a_line_of_json_has_what_the_record_has(key, value) -> None:
    assert json.loads(JsonLines().format(record()))[key] == value


def test_the_time_of_a_line_of_json_is_in_utc() -> None:
    line = json.loads(JsonLines().format(record(created=0.5)))
    assert line["time"] == "1970-01-01T00:00:00.500+00:00"


def test_a_line_of_json_has_the_traceback() -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        line = JsonLines().format(record(exc_info=sys.exc_info()))
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def served_log(folder, spec, *flags: str) -> list[str]:
    """The line of a server's log with its version."""
    history = str(folder / "history.sqlite")
    given = {"page": "/health", "forked": True, "INFICOND_HISTORY": history}
    with serving(folder, "serve", spec, *flags, **given) as server:
        lines = server.log.read_text().splitlines()
    return [line for line in lines if "running on Tornado" in line]


def test_a_line_of_the_log_has_its_level(tmp_path, spec) -> None:
    [line] = served_log(tmp_path, spec)
    assert " INFO bokeh" in line


def test_a_flag_makes_the_log_json(tmp_path, spec) -> None:
    [line] = served_log(tmp_path, spec, "--log-format", "json")
    assert json.loads(line)["level"] == "INFO"


# --- whether pages can be opened


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    spec = str(small_spec(folder, images=60))
    flags = [
        "--basic-auth",
        "word",
        "--cookie-secret",
        "a secret for cookies",
        "--prefix",
        "/tools",
    ]
    history = {"INFICOND_HISTORY": str(folder / "history.sqlite")}
    given = {"page": "/tools/login", "forked": True, **history}
    with serving(folder, "serve", spec, *flags, **given) as server:
        yield server, folder / "small.zarr"


SAMPLE = re.compile(
    r"(?:# HELP \w+ .+|# TYPE \w+ (?:gauge|counter|histogram)|(\w+){(.+)} ([\d.e-]+))"
)


def samples(server, prefix: str = "") -> dict[tuple[str, str], float]:
    """Samples of ``/metrics`` by name and labels other than the process."""
    status, headers, text = server.get(f"{prefix}/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = [SAMPLE.fullmatch(each) for each in text.splitlines()]
    assert all(found), "each line is one of the format's"
    return {
        (match[1], re.sub(r'^process="\d+",?', "", match[2])): float(match[3])
        for match in found
        if match[1]
    }


def metrics(server, prefix: str = "") -> dict[str, float]:
    return {name: value for (name, labels), value in samples(server, prefix).items() if not labels}


def test_health_follows_whether_the_store_is_there(served) -> None:
    server, store = served
    wait_until(lambda: server.get("/tools/health")[0] == 200, "the spec is open")
    status, headers, text = server.get("/tools/health")
    assert (status, json.loads(text)) == (200, {"status": "ok", "ready": 1, "specs": 1})
    assert headers["Cache-Control"] == "no-store"
    assert metrics(server, "/tools")["inficond_ready"] == 1
    assert server.get("/tools/health", "HEAD")[0] == 200
    store.rename(store.with_suffix(".away"))
    wait_until(lambda: server.get("/tools/health")[0] == 503, "it is not well")
    status, _, text = server.get("/tools/health")
    failing = {"status": "failing", "ready": 0, "specs": 1, "reasons": ["store"]}
    assert (status, json.loads(text)) == (503, failing)
    assert "No page of " in server.log.read_text()
    assert metrics(server, "/tools")["inficond_specs_ready"] == 0
    assert str(store.parent) not in text
    store.with_suffix(".away").rename(store)
    wait_until(lambda: server.get("/tools/health")[0] == 200, "it is well again")


def test_many_who_ask_at_once_cost_one_look_at_the_disk(monkeypatch) -> None:
    looks: list[bool] = []

    def look() -> str:
        looks.append(True)
        return "store"

    monkeypatch.setattr(health, "_checks", [look, look])
    monkeypatch.setattr(health, "STANDS", 0.0)
    checking = health._Checking()

    async def ask() -> list[list[str]]:
        return await asyncio.gather(*(checking.faults() for _ in range(50)))

    assert asyncio.run(ask()) == [["store", "store"]] * 50
    assert len(looks) == 2
    assert asyncio.run(checking.faults()) == ["store", "store"]
    assert len(looks) == 4  # what was counted is too old


@pytest.fixture
def hanging(monkeypatch) -> Iterator[list[bool]]:
    """Runs so far of a check that ends with the test; another check passes."""
    end, runs = threading.Event(), []

    def hang() -> str:
        runs.append(True)
        end.wait()
        return ""

    monkeypatch.setattr(health, "_checks", [hang, lambda: ""])
    monkeypatch.setattr(health, "STANDS", 0.0)
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    yield runs
    end.set()


def test_a_check_that_hangs_does_not_pass(hanging) -> None:
    assert asyncio.run(health._Checking().faults()) == [health.SLOW]


def test_a_check_that_hangs_is_not_started_again(hanging) -> None:
    checking = health._Checking()
    for _ in range(3):
        asyncio.run(checking.faults())
    assert len(hanging) == 1


def test_the_patience_with_checks_is_below_three_seconds() -> None:
    assert health.PATIENCE < 3


def test_a_study_is_well_while_something_can_be_recorded(tmp_path) -> None:
    data = tmp_path / "data"
    arguments = ["study", "serve", "inficond", "--data", str(data)]
    with serving(tmp_path, *arguments, page="/study", forked=True) as server:
        wait_until(lambda: server.get("/health")[0] == 200, "it is well")
        assert metrics(server)["inficond_specs"] == 1
        data.rename(tmp_path / "away")
        wait_until(lambda: server.get("/health")[0] == 503, "it is not well")
        (tmp_path / "away").rename(data)
        wait_until(lambda: server.get("/health")[0] == 200, "it is well again")

"""Servers before anybody has opened a page: guards and ``/health`` are there from the start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factory import small_spec
from wire import serving

import inficond_panel

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
        (["panel", "serve", "--num-procs", "2", APP, "--args", "{spec}", "{spec}"], 2),
        (["panel", "serve", "{own}", "--plugins", "inficond_panel.serving.plugin"], 0),
        (["inficond_panel", "serve", "{spec}"], 1),
    ],
)
def test_the_first_request_meets_the_guards(tmp_path, spec, command, specs) -> None:
    filled = [word.format(spec=spec, own=tmp_path / "own.py") for word in command]
    history = str(tmp_path / "history.sqlite")
    with serving(tmp_path, *filled, page=ICON, INFICOND_HISTORY=history) as server:
        assert server.get("/components/unittest.__main__/a/b/c")[0] == 404
        status, headers, text = server.get("/health")
        assert (status, json.loads(text)) == (200, {"status": "ok", "ready": specs, "specs": specs})
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert f"inficond_specs_ready {specs}\n" in server.get("/metrics")[2]
        assert server.get("/components/unittest.__main__/a/b/c")[0] == 404  # it is still there


def test_health_says_before_any_page_that_a_spec_cannot_be_read(tmp_path) -> None:
    command = ["panel", "serve", APP, "--args", str(tmp_path / "none.yaml")]
    with serving(tmp_path, *command, page=ICON) as server:
        assert server.get("/health")[0] == 503


def test_other_commands_of_panel_are_left_as_they_are(tmp_path) -> None:
    from inficond_panel.commands.serve.panel_serve import guarded

    for line in (f"panel serve {tmp_path}/app.py", f"panel convert {APP}", "panel", "panel serve"):
        assert guarded(line.split()) == line.split()
    assert guarded(["panel", "serve", "own.py", "--args", APP]) == [
        "panel", "serve", "own.py", "--args", APP,
    ]  # fmt: skip


def test_a_page_says_where_its_server_was_not_guarded(tmp_path, spec) -> None:
    (tmp_path / "unregistered.py").write_text(UNREGISTERED)
    command = ["unregistered", "serve", APP, "--args", spec]
    places = {"PYTHONPATH": str(tmp_path), "INFICOND_HISTORY": str(tmp_path / "history.sqlite")}
    with serving(tmp_path, *command, page="/app", **places) as server:
        assert "no guards" in server.log.read_text()
        assert server.get("/components/unittest.__main__/a/b/c")[0] == 404  # from now on

"""``/health`` and ``/metrics``: whether the pages of a server can be opened, and nothing else."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from factory import small_spec
from waiting import wait_until
from wire import serving

from inficond_panel.serving import health


@pytest.fixture
def served(tmp_path):
    spec = small_spec(tmp_path, images=60)
    arguments = ["inficond_panel", "serve", str(spec), "--basic-auth", "word"]
    flags = ["--cookie-secret", "a secret for cookies", "--prefix", "/tools"]
    history = {"INFICOND_HISTORY": str(tmp_path / "history.sqlite")}
    with serving(tmp_path, *arguments, *flags, page="/tools/login", **history) as server:
        yield server, tmp_path / "small.zarr"


def metrics(server, prefix: str = "") -> dict[str, float]:
    status, headers, text = server.get(f"{prefix}/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    line = re.compile(r"(?:# HELP \w+ .+|# TYPE \w+ gauge|(\w+) (\d+))")
    found = [line.fullmatch(each) for each in text.splitlines()]
    assert all(found), "each line is one of the format's"
    return {match[1]: float(match[2]) for match in found if match[1]}


def test_it_is_well_while_the_store_is_there_and_says_so_when_it_is_not(served) -> None:
    server, store = served
    status, headers, text = server.get("/tools/health")
    assert (status, json.loads(text)) == (200, {"status": "ok", "ready": 1, "specs": 1})
    assert headers["Cache-Control"] == "no-store"
    assert metrics(server, "/tools")["inficond_ready"] == 1
    assert server.get("/tools/health", "HEAD")[0] == 200
    store.rename(store.with_suffix(".away"))
    wait_until(lambda: server.get("/tools/health")[0] == 503, "it is not well")
    status, _, text = server.get("/tools/health")
    assert (status, json.loads(text)) == (503, {"status": "failing", "ready": 0, "specs": 1})
    assert metrics(server, "/tools")["inficond_specs_ready"] == 0
    assert str(store.parent) not in text
    store.with_suffix(".away").rename(store)
    wait_until(lambda: server.get("/tools/health")[0] == 200, "it is well again")


def test_many_who_ask_at_once_cost_one_look_at_the_disk(monkeypatch) -> None:
    looks: list[bool] = []

    def look() -> bool:
        looks.append(True)
        return True

    monkeypatch.setattr(health, "_checks", [look, look])
    monkeypatch.setattr(health, "STANDS", 0.0)
    counting = health._Counting()

    async def ask() -> list[int]:
        return await asyncio.gather(*(counting.count() for _ in range(50)))

    assert set(asyncio.run(ask())) == {2}
    assert len(looks) == 2
    assert asyncio.run(counting.count()) == 2
    assert len(looks) == 4  # what was counted is too old


def test_open_pages_are_counted(tmp_path) -> None:
    spec = small_spec(tmp_path, images=60)
    history = {"INFICOND_HISTORY": str(tmp_path / "history.sqlite")}
    with serving(tmp_path, "inficond_panel", "serve", str(spec), page="/health", **history) as one:
        assert metrics(one)["inficond_sessions"] == 0
        assert one.get("/app")[0] == 200
        assert metrics(one)["inficond_sessions"] == 1


def test_a_study_is_well_while_something_can_be_recorded(tmp_path) -> None:
    data = tmp_path / "data"
    arguments = ["inficond_panel", "study", "serve", "inficond", "--data", str(data)]
    with serving(tmp_path, *arguments, page="/study") as server:
        wait_until(lambda: server.get("/health")[0] == 200, "it is well")
        assert metrics(server)["inficond_specs"] == 1
        data.rename(tmp_path / "away")
        wait_until(lambda: server.get("/health")[0] == 503, "it is not well")
        (tmp_path / "away").rename(data)
        wait_until(lambda: server.get("/health")[0] == 200, "it is well again")

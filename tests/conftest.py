"""Puts this folder on the path (``from factory import small_store``); fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from factory import small_spec, small_store
from hypothesis import settings

from inficond_panel.store import Store

settings.register_profile("tests", deadline=None)  # machines differ in speed
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's event loop stays in this thread, for one browser."""
    items.sort(key=lambda item: item.get_closest_marker("ui") is not None)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A small store, shared: it is read-only."""
    return small_store(tmp_path_factory.mktemp("store") / "small.zarr")


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    """A spec beside a small store of its own."""
    return small_spec(tmp_path)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests do not reach them (data and browser do)."""
    for name in set(os.environ) - {"INFICOND_DATA"}:
        if name.startswith("INFICOND_"):
            monkeypatch.delenv(name)

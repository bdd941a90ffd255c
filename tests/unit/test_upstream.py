"""Workarounds for other projects, by the installed version: known, later, and without a method."""

import logging
from types import SimpleNamespace

import param
import pytest
from panel import custom

from inficond_panel.common import upstream
from inficond_panel.common.upstream import Workaround, stand_before
from inficond_panel.errors import InficondError
from inficond_panel.ui import upstream as of_page
from inficond_panel.ui.component import Component

pytestmark = pytest.mark.page

SPEED = Workaround("It is slow", "panel", (1, 11), required=False)
GUARD = Workaround("It is unsafe", "panel", (1, 11))


@pytest.fixture
def install(monkeypatch):
    """Let all packages have a version, written as they write it."""

    def to(version):
        upstream._installed.cache_clear()
        monkeypatch.setattr(upstream, "version", lambda _: version)

    yield to
    upstream._installed.cache_clear()


@pytest.fixture
def apply(monkeypatch):
    """Apply the workarounds once more; Panel is as before after the test."""
    logger = logging.getLogger("panel.reactive")
    monkeypatch.setattr(logger, "filters", [])
    freeze = getattr(custom.freeze_doc, "args", [custom.freeze_doc])[0]  # Panel's own
    monkeypatch.setattr(custom, "freeze_doc", freeze)

    def again():
        of_page.apply.__wrapped__()
        return SimpleNamespace(freezes=custom.freeze_doc is not freeze, filters=logger.filters)

    return again


@pytest.mark.parametrize("version", ["1.9.4", "1.10.0", "1.10.0rc1", "1.10"])
@pytest.mark.parametrize("workaround", [SPEED, GUARD])
def test_a_version_that_was_compared_gets_it(install, workaround, version):
    install(version)
    assert workaround.applies


@pytest.mark.parametrize("version", ["1.11.0", "1.11.0a1", "1.100", "2.0", "99"])
def test_a_later_version_is_not_sped_up(install, version):
    install(version)
    assert not SPEED.applies


@pytest.mark.parametrize("version", ["1.11.0", "2.0"])
def test_a_later_version_is_guarded(install, version):
    install(version)
    assert GUARD.applies


@pytest.fixture
def server():
    return type("Server", (), {"answer": lambda _: "theirs"})


def test_a_guard_stands_before_the_method(server):
    stand_before(GUARD, server, "answer", lambda original, self: f"ours, {original(self)}")
    assert server().answer() == "ours, theirs"


def test_nothing_stands_before_a_method_of_a_later_version_for_speed(install, server):
    install("2.0")
    stand_before(SPEED, server, "answer", lambda *_: "ours")
    assert server().answer() == "theirs"


def test_a_guard_without_its_method_is_refused(install, server):
    install("2.0")
    told = r"panel 2\.0 has no Server\.reply, .*\(It is unsafe\)"
    with pytest.raises(InficondError, match=told) as error:
        stand_before(GUARD, server, "reply", lambda *_: "ours")
    assert error.value.remedy.endswith("'panel<1.11'")


def test_the_page_replaces_a_function_of_a_known_version(install, apply):
    install("1.9.4")
    assert apply().freezes


def test_the_page_replaces_no_function_of_a_later_version(install, apply):
    install("99.0")
    assert not apply().freezes


@pytest.mark.parametrize("version", ["1.9.4", "99.0"])
def test_values_of_a_message_are_kept_out_of_the_log_by_any_version(install, apply, version):
    install(version)
    assert len(apply().filters) == 1


def made(css=":host { color: red }"):
    """Properties of a component that is made anew, with its class's workarounds."""

    class Text(Component):
        words = param.String("")
        _esm = "export function render() {}"
        _stylesheets = [css]  # noqa: RUF012 - as Panel has it

    return Text()._get_properties(None), Text


def test_a_component_names_its_bundle_in_a_known_version(install):
    install("1.9.4")
    assert made()[0]["bundle"]


def test_a_component_of_a_later_version_is_as_panel_makes_it(install):
    install("99.0")
    assert made()[0]["bundle"] is None


@pytest.mark.parametrize(("version", "own"), [("1.9.4", True), ("99.0", False)])
def test_only_data_of_a_known_version_have_a_trigger_of_ours(install, version, own):
    install(version)
    assert ("trigger" in vars(made()[1]._data_model)) is own

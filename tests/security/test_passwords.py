"""What ``inficond serve`` refuses of a login before it starts, and what it makes of the rest."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from panel.auth import BasicLoginHandler

from inficond_panel.commands.serve.server import keep_cookies_below
from inficond_panel.errors import InficondError
from inficond_panel.serving import login
from inficond_panel.serving.passwords import read_passwords, take_password

GOOD = {"ada": "A Secret", "bob": "another"}


def taken(basic_auth: object, secret: str | None = "a secret for cookies") -> object:
    """The password, or the file of passwords, with which the server starts."""
    args = SimpleNamespace(basic_auth=basic_auth, cookie_secret=secret)
    take_password(args)
    return args.basic_auth


@pytest.fixture
def users(tmp_path):
    file = tmp_path / "users.json"
    file.write_text(json.dumps(GOOD))
    return file


def test_a_file_of_passwords_stays_the_same_in_another_folder(users, monkeypatch) -> None:
    monkeypatch.chdir(users.parent)
    assert taken("users.json") == str(users)


@pytest.mark.parametrize("path", ["none.json", "none/users", "/etc/none"])
def test_a_path_without_a_file_is_no_password(tmp_path, monkeypatch, path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InficondError, match="cannot be read: No such file"):
        taken(path)


def test_what_may_be_a_password_is_not_shown(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InficondError) as refused:
        taken("Zm9v/YmFy")
    assert "Zm9v" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"ada": \n', "is not JSON at line 2"),
        ("\xff", "is not JSON"),
        ("[]", "has no names"),
        ("{}", "has no names"),
        ('"secret"', "has no names"),
        ('{"ada": 1}', "a password of 'ada' is no text"),
        ('{"ada": ""}', "a password of 'ada' is no text, or empty"),
        ('{" ": "secret"}', "a password has an empty name"),
    ],
)
def test_a_file_that_lets_nobody_in_is_refused(users, text, fault) -> None:
    users.write_bytes(text.encode("latin-1"))
    with pytest.raises(InficondError, match=fault):
        taken(str(users))


def test_the_passwords_of_a_file_are_those_in_it(users) -> None:
    assert read_passwords(str(users)) == GOOD


@pytest.mark.parametrize(
    "name",
    [
        *("PANEL_BASIC_AUTH", "PANEL_COOKIE_SECRET", "BOKEH_COOKIE_SECRET", "BOKEH_SECRET_KEY"),
        *("PANEL_OAUTH_PROVIDER", "PANEL_OAUTH_KEY", "PANEL_COOKIE_PATH"),
    ],
)
def test_an_empty_variable_of_the_login_is_refused(monkeypatch, name) -> None:
    monkeypatch.setenv(name, "")
    with pytest.raises(InficondError, match=f"variable {name} is set, but empty"):
        taken(None)


@pytest.mark.parametrize(("password", "secret"), [("", None), ("secret", "")])
def test_an_empty_flag_of_the_login_is_refused(password, secret) -> None:
    with pytest.raises(InficondError, match="is set, but empty"):
        taken(password, secret)


def test_a_login_without_a_secret_for_its_cookies_is_refused(monkeypatch) -> None:
    monkeypatch.delenv("PANEL_COOKIE_SECRET", raising=False)
    with pytest.raises(InficondError, match="bokeh secret"):
        taken("secret", None)


@pytest.mark.parametrize("name", ["PANEL_COOKIE_SECRET", "BOKEH_COOKIE_SECRET"])
def test_the_secret_for_cookies_can_be_a_variable(monkeypatch, name) -> None:
    monkeypatch.setenv(name, "a secret")
    assert taken("secret", None) == "secret"


def right(name: str, password: str) -> bool:
    """Whether a login is right, while Panel itself would take any."""
    return login._is_right(lambda *_: True, BasicLoginHandler, name, password)


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [("ada", "A Secret", True), ("ada", "another", False), ("eve", "A Secret", False)],
)
def test_a_password_is_right_for_its_name(users, monkeypatch, name, password, expected) -> None:
    monkeypatch.setattr(login, "config", SimpleNamespace(basic_auth=str(users)))
    assert right(name, password) == expected


def test_no_password_is_right_while_its_file_is_missing(users, monkeypatch, caplog) -> None:
    monkeypatch.setattr(login, "config", SimpleNamespace(basic_auth=str(users)))
    users.unlink()
    assert not right("ada", str(users))
    assert "Nobody can log in" in caplog.text


@pytest.mark.parametrize(
    ("prefix", "given", "path"),
    [("tools/concepts/", None, "/tools/concepts"), ("/tools", "/", "/"), ("", None, None)],
)
def test_the_cookies_of_a_login_have_the_path_of_the_prefix(prefix, given, path) -> None:
    args = SimpleNamespace(prefix=prefix, cookie_path=given)
    keep_cookies_below(args)
    assert args.cookie_path == path

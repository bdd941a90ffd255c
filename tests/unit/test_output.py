"""Codes that a terminal obeys reach it as text, whatever data or files are called."""

import json
import os
import shutil
import sys

import pytest

from inficond_panel.commands.shared.output import (
    note,
    progress,
    progress_by_steps,
    say,
    say_json,
    say_table,
    shown,
)

# Clears the screen, names the window, a C1 sequence, turns the writing round, half a character.
EVIL = "\x1b[2J\x1b]0;x\x07\x9b31m\u202eabc\ud800"


def test_commands_to_a_terminal_are_shown_and_mean_the_same_in_json(capsys):
    assert shown(EVIL) == r"\x1b[2J\x1b]0;x\x07\x9b31m\u202eabc\ud800"
    assert shown("é 漢 \u200d\n\tשלום") == "é 漢 \u200d\n\tשלום"
    say_json({"name": EVIL})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": EVIL}
    assert shown(out) == out


@pytest.mark.parametrize("tell", [say, note])
def test_a_result_takes_the_place_of_unfinished_progress(tell, capsys, monkeypatch):
    progress(0.5, "half")  # where there is no terminal nothing is told
    say("done")
    assert capsys.readouterr() == ("done\n", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress(0.5, "half")
    tell("done")
    tell("more")
    written = capsys.readouterr()
    out = "done\nmore\n"
    cleared = "\r\033[K 50 % half\r\033[K"
    assert (written.out, written.err) == ((out, cleared) if tell is say else ("", cleared + out))
    progress(1.0, "all")
    tell("done")
    assert capsys.readouterr().err.startswith("\r\033[K100 % all\n" + "done\n" * (tell is note))


def table(capsys) -> list[str]:
    finding = "dog relies on soccer ball, in 82 % of the training images with dog"
    say_table(("about", "finding", "AP on fit"), [("dog", finding, "0.951"), ("cat", "", "0.86")])
    return capsys.readouterr().out.splitlines()


def test_cells_of_a_table_wrap_on_a_terminal_that_is_narrower(capsys, monkeypatch):
    whole = table(capsys)
    assert len(whole) == 4  # a file has each row on a line
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_, **__: os.terminal_size((40, 24)))
    assert table(capsys) == [
        "about  finding                 AP on fit",
        "-----  ----------------------  ---------",
        "dog    dog relies on soccer        0.951",
        "       ball, in 82 % of the",
        "       training images with",
        "       dog",
        "cat                                 0.86",
    ]
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_, **__: os.terminal_size((200, 24)))
    assert table(capsys) == whole
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_, **__: os.terminal_size((5, 24)))
    assert max(map(len, table(capsys))) == 5 + 2 + 8  # no word is divided


def wide(capsys, monkeypatch, width, *rows) -> list[str]:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_, **__: os.terminal_size((width, 24)))
    header = ("class", "AP", "95 %", "recall", "95 %", "pictures")
    say_table(header, rows)
    return capsys.readouterr().out.splitlines()


DOG = ("dog", "0.951", "[0.910, 0.970]", "0.801", "[0.700, 0.880]", "")


def test_columns_without_room_follow_below_and_limits_stay_with_their_estimate(capsys, monkeypatch):
    assert wide(capsys, monkeypatch, 40, DOG) == [
        "class     AP            95 %",
        "-----  -----  --------------",
        "dog    0.951  [0.910, 0.970]",
        "",
        "class  recall            95 %",
        "-----  ------  --------------",
        "dog     0.801  [0.700, 0.880]",
    ]


def test_a_table_with_room_stays_whole(capsys, monkeypatch):
    assert wide(capsys, monkeypatch, 80, DOG)[0].endswith("95 %  pictures")


def test_rows_of_a_class_are_named_by_two_columns_in_each_block(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_, **__: os.terminal_size((25, 24)))
    say_table(("class", "concept", "one", "other"), [("dog", "fur", "0.123", "0.456")] * 2)
    found = capsys.readouterr().out.splitlines()
    assert found[0] == "class  concept    one"
    assert found[5] == "class  concept  other"


def test_progress_by_steps_is_a_line_per_step_in_a_log(capsys, monkeypatch):
    progress_by_steps(0.5, "comparing repairs of dog")
    assert capsys.readouterr() == ("", "comparing repairs of dog\n")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress_by_steps(1.0, "all repairs compared")
    assert capsys.readouterr() == ("", "\r\033[K100 % all repairs compared\n")

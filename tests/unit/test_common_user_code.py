"""The text of an error of a user's code: its kind, its message, and the line that raised it."""

import runpy

import pytest

from inficond_panel.common.user_code import fault_text


def fault_of(run):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        run()
    return fault_text(caught.value)


def test_the_line_is_the_innermost_of_the_users_code(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("def inner():\n    raise ValueError('boom')\ndef outer():\n    inner()\n")
    outer = runpy.run_path(str(file))["outer"]
    assert fault_of(outer) == f"ValueError: boom ({file}:2)"


def test_a_line_of_a_package_is_not_the_users(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("import numpy as np\ndef outer():\n    np.stack([])\n")
    assert fault_of(runpy.run_path(str(file))["outer"]).endswith("own.py:3)")


def test_an_error_without_a_message_is_its_kind():
    assert fault_text(KeyboardInterrupt()) == "KeyboardInterrupt"

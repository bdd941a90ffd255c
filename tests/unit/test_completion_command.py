"""``inficond completion``: what bash completes with the script that it prints."""

import shutil
import subprocess

import pytest

from inficond_panel.cli import main

COMPLETE = """
source "$1"
shift
words=("$@")
function=$(complete -p inficond | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=("${words[@]}")
COMP_CWORD=$(($# - 1))
$function inficond "${words[-1]}" "${words[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes(tmp_path, capsys):
    assert main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    (tmp_path / "edits.yaml").touch()
    for words, offered in (
        ("hi", {"history"}),
        ("history un", {"undo"}),
        ("metrics --metric f", {"f1", "fidelity"}),
        ("suggest --cl", {"--class"}),
        ("study serve --password", {"--password-file"}),
        ("demo --websocket-max", {"--websocket-max-message-size"}),
        ("tune edi", {"edits.yaml"}),
    ):
        command = ["bash", "-c", COMPLETE, "bash", "./script", "inficond", *words.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert set(done.stdout.split()) == offered

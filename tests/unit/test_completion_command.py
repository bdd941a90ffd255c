"""``inficond completion``: what bash completes with the script that it prints."""

import shutil
import subprocess
from pathlib import Path

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


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "inficond"
    with pytest.MonkeyPatch.context() as patch, path.open("w") as file:
        patch.setattr("sys.stdout", file)
        assert main(["completion", "bash"]) == 0
    return path


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["hi"], {"history"}),
        (["history", "un"], {"undo"}),
        (["metrics", "--metric", "f"], {"f1", "fidelity"}),
        (["suggest", "--cl"], {"--class"}),
        (["study", "serve", "--password"], {"--password-file"}),
        (["demo", "--websocket-max"], {"--websocket-max-message-size"}),
        (["tune", "edi"], {"edits.yaml"}),
    ],
)
def test_bash_completes(script, tmp_path, words, offered):
    (tmp_path / "edits.yaml").touch()
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", script, "inficond", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == offered

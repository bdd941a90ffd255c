"""Help and completion load arguments alone, and commands that compute nothing no numerics."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from test_init import photos

from inficond_panel.cli import main, make_parser
from inficond_panel.commands import export, tune
from inficond_panel.commands.table import COMMANDS
from inficond_panel.export import FORMATS
from inficond_panel.tuning.repairs.kinds import KINDS, REPAIRS
from inficond_panel.vocabulary.intents import DIRECTIONS

pytestmark = [pytest.mark.commands, pytest.mark.server]

ROOT = Path(__file__).parents[2]
NAMES = [command.name for command in COMMANDS]
HEAVY = {"numpy", "scipy", "pandas", "xarray", "zarr", "PIL", "panel", "bokeh", "torch"}
HEAVY |= {"precompute"}
#: Commands and actions whose flags are those of ``panel serve``, taken from Panel.
OF_PANEL = {"demo", "serve", "study serve"}
CODE = """
import json, sys
from inficond_panel.cli import make_parser

def fill(parser, name):
    if name not in OF_PANEL:
        parser.fill()
        for word, inner in parser.words.items():
            fill(inner, f"{name} {word}".strip())

heavy = {}
main = make_parser()
for name, parser in main.words.items():
    fill(parser, name)
    loaded = HEAVY & {module.partition(".")[0] for module in sys.modules}
    heavy[name] = sorted(loaded - set().union(*heavy.values()))
print(json.dumps(heavy))
"""


def test_arguments_of_a_command_load_no_numerics():
    code = f"OF_PANEL, HEAVY = {OF_PANEL!r}, {HEAVY!r}\n{CODE}"
    told = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert json.loads(told) == {name: [] for name in NAMES}


#: Runs commands, and prints the status of each and heavy packages that are loaded.
RUN = """
import sys
from inficond_panel.cli import main
for line in sys.argv[1:]:
    status = main(line.split())
    loaded = {module.partition(".")[0] for module in sys.modules} & %r
    print("->", line, status, *sorted(loaded), file=sys.stderr)
"""
#: Packages that take longer to load than a small command may take in all.
SLOW = HEAVY - {"numpy", "PIL", "precompute"}


def test_commands_that_compute_nothing_load_no_numerics(tmp_path):
    photos(tmp_path / "photos", [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(10)])
    expected = (
        "docs metrics 0", "init nowhere 1", "init photos 0", "check photos.yaml 0",
        "check nowhere.yaml 2", "precompute nowhere.yaml 2",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUN % SLOW, *(line[:-2] for line in expected)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if line.startswith("->")]
    assert told == [f"-> {line}" for line in expected]


def helped(capsys, *words: str) -> list[str]:
    with pytest.raises(SystemExit) as caught:
        main([*words, "--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out.splitlines()


def test_help_shows_every_command_once_by_group_the_choices_and_an_example_of_each(capsys):
    lines = helped(capsys)
    groups = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert groups == ["Start:", "Data:", "Students:", "Tuning:", "Studies:"]
    assert [line.split()[0] for line in lines if line.startswith("  ")] == NAMES
    assert max(map(len, lines)) < 80
    assert list(export.CHOICES) == list(FORMATS)
    assert [key for key in (*DIRECTIONS, *REPAIRS) if key not in tune.DESCRIPTION] == []
    for command in COMMANDS:
        module = import_module(f"inficond_panel.commands.{command.module}")
        assert module.EXAMPLE.startswith(f"inficond {command.name}")
        assert f"Example: {module.EXAMPLE}" in helped(capsys, command.name)


def test_tune_tells_the_form_of_each_kind_of_repair():
    assert [kind.form for kind in KINDS if kind.form not in tune.DESCRIPTION] == []


def test_each_action_has_an_example_that_can_be_parsed():
    parser = make_parser()
    shown = {}
    for name in ("history", "study", "concept", "quantify"):
        parser.words[name].fill()
        for action, each in parser.words[name].words.items():
            shown[f"{name} {action}"] = each.epilog
    assert len(shown) == 40
    for name, example in shown.items():
        assert example.startswith(f"Example: inficond {name} ")
        words = shlex.split(example.partition(" > ")[0])[2:]
        make_parser().parse_args(words)


def test_what_is_no_argument_or_given_twice_is_told(capsys):
    for words, told in (
        ("serve demo --prot 3", "'--prot' {}. Did you mean '--port'?"),
        ("history list demo --noed=3", "'--noed' {}."),
        ("info demo other", "'other' {}."),
        ("ask demo -n 1 --class a -n 2", "-n is given twice; name it once."),
    ):
        with pytest.raises(SystemExit) as caught:
            main(words.split())
        assert caught.value.code == 2
        usage, error = capsys.readouterr().err.split(" error: ")
        assert error.strip() == told.format("is not an argument of this command")
        assert len(usage.splitlines()) < 6


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
        ("hi", {"history"}), ("history un", {"undo"}), ("metrics --metric f", {"f1", "fidelity"}),
        ("suggest --cl", {"--class"}), ("study serve --password", {"--password-file"}),
        ("demo --websocket-max", {"--websocket-max-message-size"}), ("tune edi", {"edits.yaml"}),
    ):  # fmt: skip
        command = ["bash", "-c", COMPLETE, "bash", "./script", "inficond", *words.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert set(done.stdout.split()) == offered

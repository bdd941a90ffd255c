"""What messages and remedies name exists: commands, options, Python calls, keys of the spec."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import inficond_panel
from inficond_panel import TunableStudents
from inficond_panel.api.plotting import StudentPlots
from inficond_panel.cli import make_parser
from inficond_panel.spec.framework.section import Section

pytestmark = pytest.mark.commands

ROOT = Path(__file__).parents[2]
FILES = [*ROOT.glob("inficond_panel/**/*.py"), *ROOT.glob("precompute/**/*.py")]
#: Commands whose options are those of ``panel serve``.
OF_PANEL = {"demo", "serve", "study serve"}
#: Options of other programs, of ``panel serve`` and of Python.
FOREIGN = {"--args", "--index-url", "--password-file", "--python", "--server", "--show"}
FOREIGN |= {"--threads", "--version", "--port", "--address", "--num-procs", "--prefix", "--plugins"}
FOREIGN |= {
    "--basic-auth",
    "--cookie-secret",
    "--num-threads",
    "--num-",
}  # of Panel, and refused; also shortened
FOREIGN |= {"--input-type", "--output-type", "--input-dir", "--output-dir"}  # of FiftyOne
#: Texts that are no messages: style sheets, and names that begin like a command.
NO_MESSAGE = re.compile(r"var\(--|@font-face|\binficond (?:inficond-report|function)\b")


def hole(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else "X"


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of all strings of a tree but docstrings; a value of an f-string is X."""
    nodes = [*ast.walk(tree)]
    skip = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    skip |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(map(hole, node.values))
        elif isinstance(getattr(node, "value", None), str) and id(node) not in skip:
            yield getattr(node, "lineno", 0), node.value


@cache
def texts() -> list[tuple[str, str]]:
    """Place and text of all messages of the code."""
    return [
        (f"{file.relative_to(ROOT)}:{line}", text)
        for file in FILES
        for line, text in strings(ast.parse(file.read_text("utf-8")))
        if not NO_MESSAGE.search(text)
    ]


@cache
def options() -> dict[str, set[str]]:
    """Options of each command and action, by its words."""
    found: dict[str, set[str]] = {}

    def fill(parser, name):
        if name not in OF_PANEL:
            parser.fill()
        found[name] = {flag for action in parser._actions for flag in action.option_strings}
        for word, inner in parser.words.items():
            fill(inner, f"{name} {word}".strip())

    for name, parser in make_parser().words.items():
        fill(parser, name)
    return found


COMMAND = re.compile(
    r"(?<![\w'\"])inficond ((?:[a-z][a-z-]+)(?: (?:[a-z][a-z-]+))?)((?: [^\n`;]*)?)"
)


def commands() -> list[tuple[str, str, str]]:
    """Place, words and rest of the line of each command that a text names."""
    return [
        (place, *match.groups())
        for place, text in texts()
        for match in COMMAND.finditer(text)
        if not match[1].startswith("docs")
    ]


def test_each_command_that_a_text_names_exists():
    named = commands()
    faults = [f"{place}: {words}" for place, words, _ in named if words.split()[0] not in options()]
    assert faults == []
    assert len(named) > 60


def test_each_option_beside_its_command_is_one_of_that_command():
    faults = []
    for place, words, rest in commands():
        first = words.split()[0]
        name = words if words in options() else first
        known = options().get(name, set())
        if name in OF_PANEL:
            continue
        flags = re.findall(r"(?<!\S)(--[a-z][a-z-]+)", re.split(r"[.,:)] |\.$", rest)[0])
        faults += [f"{place}: {name} {flag}" for flag in flags if flag not in known]
    assert faults == []


def test_each_option_that_a_text_names_exists():
    known = set().union(*options().values(), FOREIGN)
    named = [
        (place, flag)
        for place, text in texts()
        for flag in re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", text)
    ]
    assert [(place, flag) for place, flag in named if flag not in known] == []
    assert len(named) > 50


CALL = re.compile(
    r"\b(students|inficond_panel|plot)\.(?:plot\.)?(\w+)\(([^()]*)\)|\b(from_frames|build|open_students|load_students)\(([^()]*)\)"
)


def calls() -> list[tuple[str, str, object, str]]:
    """Place, name, object and arguments of each Python call that a text names."""
    found = []
    for place, text in texts():
        for of, name, arguments, function, more in CALL.findall(text):
            owner = {"students": TunableStudents, "plot": StudentPlots}.get(of, inficond_panel)
            called = getattr(owner, name or function, None)
            found.append((place, name or function, called, arguments or more))
    return found


def test_each_python_call_that_a_text_names_exists():
    assert [(place, name) for place, name, called, _ in calls() if called is None] == []
    assert len(calls()) > 15


def test_each_argument_of_a_call_that_a_text_names_exists():
    faults = []
    for place, name, called, arguments in calls():
        parameters = inspect.signature(called).parameters
        free = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        faults += [(place, name, key) for key in re.findall(r"(\w+)=", arguments)
                   if key not in parameters and not free]  # fmt: skip
    assert faults == []


def keys(module: str) -> set[str]:
    """Keys of all sections of a module of ``spec.sections``."""
    kinds, found = [Section], set[str]()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__ == f"inficond_panel.spec.sections.{module}":
            found |= {name.rstrip("_") for name in kind.model_fields}
    return found


KEYS = {name: keys(name) for name in ("concepts", "dataset", "students", "teacher")}


@pytest.mark.parametrize("section", KEYS)
def test_each_key_of_a_section_that_a_text_names_exists(section):
    known = KEYS[section] | (set(dir(TunableStudents)) if section == "students" else set())
    named = [
        (place, key)
        for place, text in texts()
        for key in re.findall(rf"(?<![\w./]){section}\.([a-z_]+)\b(?!\.?[\w(/])", text)
    ]
    ends = {"json", "npz", "onnx", "snapshot"}  # files of an export, and state of the page
    assert [(place, key) for place, key in named if key not in known | ends] == []

"""Each text with words of the shell that a script may read is the first of a remedy's two texts."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Rooms that no script calls, and files whose commands and flags have no counterpart in Python.
NOT_IN_PYTHON = re.compile(
    r"inficond_panel/(cli|app|commands|serving|study|views|state|ui|quantify/experiment)"
    r"|precompute/(recipes|download|detect/(?!models)|batches/run|teachers/loading)"
)
#: Texts that are no remedies: how many in a file, and what they are.
NO_REMEDIES = {
    "inficond_panel/common/devices.py": (1, "a line of progress"),
    "inficond_panel/common/installation.py": (1, "an option of uv"),
    "inficond_panel/concepts/beside.py": (1, "an entry of a log"),
    "inficond_panel/concepts/own_words.py": (1, "a note of reports"),
    "inficond_panel/export/folder.py": (1, "a comment in a file for commands"),
    "inficond_panel/export/onnx_file.py": (2, "what logits are compared with"),
    "inficond_panel/results/comparison.py": (1, "a note of reports, with the call in Python"),
    "inficond_panel/results/confusions.py": (1, "a note of reports"),
    "inficond_panel/results/history.py": (1, "a note of reports"),
    "inficond_panel/results/levers.py": (1, "a note of reports, with its call in Python"),
    "inficond_panel/results/networks.py": (1, "a note of reports"),
    "inficond_panel/results/store_content.py": (2, "notes of reports"),
    "inficond_panel/spec/sections/dataset.py": (1, "documents a key"),
    "inficond_panel/spec/sections/encoder.py": (1, "documents a key"),
    "inficond_panel/spec/sections/teacher.py": (1, "documents a key"),
    "inficond_panel/spec/spec.py": (1, "documents a key"),
    "inficond_panel/store/more_photos.py": (1, "an entry of a log"),
    "inficond_panel/vocabulary/palette.py": (1, "style sheet"),
    "inficond_panel/wording/suspects.py": (1, "a sentence of the page"),
    "inficond_panel/wording/lost_thresholds.py": (1, "a note of reports, with its call in Python"),
    "precompute/functions.py": (1, "name of a module"),
    "precompute/detect/models.py": (3, "a hint and remedies of the command init"),
    "precompute/pipeline/assemble.py": (1, "an entry of a log"),
    "precompute/pipeline/words.py": (1, "an entry of a log"),
}
#: Texts that take only the shell's part of a remedy: how many in a file, and what they are.
SHELL_ALONE = {
    "inficond_panel/errors.py": (2, "texts of the terminal and of the page"),
    "inficond_panel/wording/shift_kinds.py": (2, "remedy for a kind of shift"),
    "precompute/teachers/applied.py": (1, "a cell of a table, of all readers"),
}

#: A command or a flag; a value of an f-string is {}.
SHELL = re.compile(r"\binficond (?!docs\b)[a-z{]|(?<![\w-])--[a-z{]")
#: A spec is computed by a command alone, which its text for scripts names too.
PRECOMPUTE = "inficond precompute"
PLAIN, FIRST, SECOND, ONLY = "no remedy", "first of two", "second of two", "only one of a remedy"


def is_remedy(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Remedy"


def text_of(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(text_of, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left) + text_of(right)
    return "{}"


def texts(node: ast.AST, role: str = PLAIN) -> Iterator[tuple[int, str, str]]:
    """Line, role and text of each string below a node, but docstrings; sums are one text."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        yield from texts_at(child, role)


def texts_at(node: ast.AST, role: str) -> Iterator[tuple[int, str, str]]:
    if is_remedy(node):
        assert isinstance(node, ast.Call)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        roles = (FIRST, SECOND) if len(given) == 2 else (ONLY,)
        for part, its_role in zip(given, roles, strict=True):
            yield from texts_at(part, its_role)
        return
    match node:
        case ast.Constant() | ast.JoinedStr() | ast.BinOp(op=ast.Add()):
            yield node.lineno, role, text_of(node)
    for part in leaves(node):
        yield from texts_at(part, role)


def leaves(node: ast.AST) -> Iterator[ast.AST]:
    """Parts of a node that its own text does not have."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.JoinedStr | ast.BinOp) and isinstance(child, ast.Constant):
            continue
        if isinstance(node, ast.BinOp) and isinstance(child, ast.BinOp | ast.JoinedStr):
            yield from leaves(child)
        else:
            yield child


def left_in_shell(tree: ast.AST) -> list[tuple[int, str]]:
    """Line and text of each text with words of the shell for which a script has no other."""
    return [
        (line, text)
        for line, role, text in texts_at(tree, PLAIN)
        if role != FIRST and SHELL.search(text if role == PLAIN else text.replace(PRECOMPUTE, ""))
    ]


def holders(trees: list[ast.Module]) -> tuple[list[set[str]], set[str]]:
    """Names in each module, and attributes in all, that hold a remedy."""
    attributes, local = {"remedy"}, [{"Remedy", "precompute_command"} for _ in trees]
    telling = (ast.Assign, ast.FunctionDef, ast.ImportFrom, ast.keyword)
    nodes = [[node for node in ast.walk(tree) if isinstance(node, telling)] for tree in trees]
    size = -1
    while size != (size := len(attributes) + sum(map(len, local))):
        every = set[str]().union(*local)
        for some, names in zip(nodes, local, strict=True):
            for node in some:
                names.update(assigned(node, names, attributes))
                if isinstance(node, ast.ImportFrom):
                    names.update(every & {one.name for one in node.names})
                attributes.update(made(node, names, attributes))
    return local, attributes


def assigned(node: ast.AST, names: set[str], attributes: set[str]) -> Iterator[str]:
    """Name of a variable or function that holds or returns a remedy."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            if holds(value, names, attributes):
                yield name
        case ast.FunctionDef(name=name):
            returned = [each.value for each in returns(node) if each.value]
            if any(holds(value, names, attributes) for value in returned):
                yield name


@cache
def returns(function: ast.FunctionDef) -> list[ast.Return]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Return)]


def made(node: ast.AST, names: set[str], attributes: set[str]) -> Iterator[str]:
    """Name of a method, a field or an argument that holds or returns a remedy."""
    if isinstance(node, ast.FunctionDef):
        yield from assigned(node, names, attributes)
    if isinstance(node, ast.keyword) and node.arg and holds(node.value, names, attributes):
        yield node.arg


def holds(node: ast.AST, names: set[str], attributes: set[str]) -> bool:
    """True of a remedy, or of a sum or a choice with one."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return holds(left, names, attributes) or holds(right, names, attributes)
        case ast.IfExp(body=left, orelse=right):
            return holds(left, names, attributes) or holds(right, names, attributes)
        case ast.Call(func=function):
            return holds(function, names, attributes)
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr=name):
            return name in attributes
    return False


def lost(tree: ast.Module, names: set[str], attributes: set[str]) -> list[int]:
    """Lines where an f-string, or a method of ``str``, takes the shell's text of a remedy alone."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.FormattedValue(value=value):
                parts = ast.walk(value)
                found += [value.lineno] * any(holds(part, names, attributes) for part in parts)
            case ast.Call(func=ast.Attribute(attr=method, value=value)) if hasattr(str, method):
                found += [node.lineno] * holds(value, names, attributes)
    return found


FILES = [*ROOT.glob("inficond_panel/**/*.py"), *ROOT.glob("precompute/**/*.py")]
PLACES = {file.relative_to(ROOT).as_posix(): file for file in FILES}


@cache
def trees() -> dict[str, ast.Module]:
    """Code whose messages a script may read, by its place."""
    return {
        place: ast.parse(file.read_text("utf-8"))
        for place, file in PLACES.items()
        if not NOT_IN_PYTHON.match(place)
    }


def counts(table: dict[str, tuple[int, str]]) -> dict[str, int]:
    return {place: number for place, (number, _) in table.items()}


def test_no_remedy_is_left_in_the_words_of_the_shell():
    left = {place: left_in_shell(tree) for place, tree in trees().items()}
    unexpected = {
        place: each
        for place, each in left.items()
        if len(each) != counts(NO_REMEDIES).get(place, 0)
    }
    assert unexpected == {}


def test_no_text_for_scripts_is_lost():
    local, attributes = holders([*trees().values()])
    found = Counter({
        place: len(lost(tree, names, attributes))
        for (place, tree), names in zip(trees().items(), local, strict=True)
    })  # fmt: skip
    assert +found == counts(SHELL_ALONE)


def test_remedies_with_words_of_the_shell_are_seen():
    first = [
        t for tree in trees().values() for _, role, t in texts_at(tree, PLAIN) if role == FIRST
    ]
    assert len([text for text in first if SHELL.search(text)]) > 20


@pytest.mark.parametrize(
    "code",
    [
        "raise DataError('No.', 'List them: inficond info SPEC')",
        "raise DataError('No.', remedy='Use --force')",
        "raise DataError('No.', f'List them: inficond info {path}')",
        "raise DataError('No.', f'List them: inficond {command}')",
        "raise DataError('No.', f'Use --{flag}')",
        "raise DataError('No.', 'List them: ' + 'inficond ' + command + ' SPEC')",
        "raise DataError('No.', f'{start}: ' + f'inficond {command}')",
        "LIST = 'inficond info SPEC'\nraise DataError('No.', LIST)",
        "def fix(command):\n    return f'inficond {command} SPEC'",
        "class Fix:\n    text: str = 'Use --force'",
        "raise DataError('No.', 'Make it: inficond precompute SPEC')",
        "raise DataError('No.', Remedy('Use --force'))",
        "raise DataError('No.', Remedy('Use --force', 'Use --force'))",
        "raise DataError('No.', Remedy('Use --force', f'Use --{flag}'))",
        "raise DataError('No.', Remedy('Use --force', python='inficond info SPEC'))",
        "raise DataError('No.', 'Do this, or ' + ('wait' if busy else 'use --force'))",
        "raise DataError('No.', ' '.join(['Run', 'inficond info SPEC']))",
        "raise DataError('No.', 'Use {}'.format('--force'))",
    ],
)
def test_a_remedy_for_the_shell_alone_is_seen(code):
    assert left_in_shell(ast.parse(code)) != []


@pytest.mark.parametrize(
    "code",
    [
        "raise DataError('No.', 'Use ' + Remedy('--force', 'force=True') + '.')",
        "raise DataError('No.', Remedy(f'Run inficond info {path}', 'See students.classes.'))",
        "raise DataError('No.', Remedy('Run inficond precompute SPEC.'))",
        "raise DataError('No.', 'See: inficond docs metrics')",
        "def fit():\n    '''Fit, as ``inficond distill`` does.'''",
    ],
)
def test_a_remedy_for_both_readers_is_no_fault(code):
    assert left_in_shell(ast.parse(code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "f'Do this: {Remedy(a, b)}'",
        "FIX = Remedy(a, b)\nf'Do this: {FIX}'",
        "FIX = 'Do this: ' + Remedy(a, b)\nf'{FIX}.'",
        "def fix():\n    return 'Do this: ' + Remedy(a, b)\nf'{fix()}.'",
        "def fix():\n    return Remedy(a, b) if busy else ''\nmodule.fix().strip()",
        "raise DataError('No.', f'{error.remedy} Or wait.')",
        "raise DataError('No.', f'{error.remedy.rstrip()} Or wait.')",
        "schema = Schema(other=Remedy(a, b))\nf'Wait, or {schema.other}'",
        "FIX = Remedy(a, b)\nFIX.replace(c, d)",
    ],
)
def test_a_lost_text_for_scripts_is_seen(code):
    tree = ast.parse(code)
    (names,), attributes = holders([tree])
    assert lost(tree, names, attributes) != []

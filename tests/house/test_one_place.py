"""A name is imported from one place; two public classes, and two constants, have two names."""

import ast
from collections import defaultdict
from functools import cache

import pytest
from modules import MODULES, tree_of

P = "inficond_panel"
PACKAGES = {module for module, file in MODULES.items() if file.name == "__init__.py"}
#: Packages that import a name when it is first used: their own code, and what must not load the
#: rest of them, takes it from its module.
LATE = {"inficond_panel", "inficond_panel.store", "precompute"}


def exported(package):
    """Names in ``__all__`` of a package."""
    for node in tree_of(package).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return []


EXPORTS = {package: exported(package) for package in PACKAGES - LATE}


@cache
def imported_names(module):
    """Module, name there, name here and line of each name that a module takes from ours."""
    return [
        (node.module, alias.name, alias.asname or alias.name, node.lineno)
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
        for alias in node.names
        if f"{node.module}.{alias.name}" not in MODULES
    ]


@cache
def home(module, name):
    """Module that defines a name, seen from a module that has it."""
    for target, there, here, _ in imported_names(module):
        if here == name and target != module:
            return home(target, there)
    return module


def place(module, target, name):
    """Module from which ``module`` takes a name that ``target`` has: the outermost package that
    exports it and that ``module`` is not in, else where it is defined."""
    defined = home(target, name)
    packages = [
        package
        for package, names in EXPORTS.items()
        if name in names and defined.startswith(f"{package}.") and home(package, name) == defined
    ]
    outside = [each for each in packages if not f"{module}.".startswith(f"{each}.")]
    return min(outside, key=len, default=defined)


def wrong_places():
    """Module, line, target and name of each import from another place."""
    for module in MODULES:
        for target, name, _, line in imported_names(module):
            if target not in LATE and place(module, target, name) != target:
                yield module, line, target, name


def test_a_name_is_imported_from_one_place():
    faults = [
        f"{module}:{line} takes {name} from {target}, not from {place(module, target, name)}"
        for module, line, target, name in wrong_places()
    ]
    assert faults == []


def test_a_package_exports_what_is_defined_in_it():
    faults = [
        f"{package} exports {name} of {home(package, name)}"
        for package, names in EXPORTS.items()
        for name in names
        if not f"{home(package, name)}.".startswith(f"{package}.")
    ]
    assert faults == []


#: Section of a spec and what it describes.
TWINS = {
    *("Dataset", "Encoder", "Head", "OnnxTeacher", "Preprocessing", "Scores", "Segments"),
    *("Students", "Teacher", "Views"),
}


def same_names(trees):
    """Names of public classes that several modules define, each with the modules."""
    found = defaultdict(list)
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(module)
    return {name: modules for name, modules in found.items() if len(modules) > 1}


def test_a_public_class_has_a_name_of_its_own():
    """But for a section, named like the one class that it describes."""
    faults = {
        name: modules
        for name, modules in same_names({module: tree_of(module) for module in MODULES}).items()
        if name not in TWINS or sum(".spec." not in module for module in modules) > 1
    }
    assert faults == {}


def test_two_classes_of_one_name_are_seen():
    trees = {module: ast.parse("class Row: ...") for module in ("a", "b")}
    assert same_names(trees) == {"Row": ["a", "b"]}


#: Modules whose constants may be named like others, and why.
NAMED_ALIKE = {
    f"{P}.vocabulary.palette": "a colour is named like what it colours",
    f"{P}.commands.concept.concept_actions": "actions of a command, by the command's own name",
    f"{P}.commands.history.history_actions": "actions of a command, by the command's own name",
    f"{P}.commands.study.study_actions": "actions of a command, by the command's own name",
}


def constants(tree):
    """Names of the public constants that a module defines, without variables of types."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and not ast.unparse(node).count("TypeVar("):
            for each in ast.walk(ast.Tuple(getattr(node, "targets", None) or [node.target])):
                if isinstance(each, ast.Name) and each.id.isupper() and each.id[0] != "_":
                    yield each.id


def same_constants(trees):
    """Names of constants that several modules define and others import from them, each with these
    modules: a reader of an import cannot see which is meant."""
    taken = {
        (node.module, alias.name)
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found = defaultdict(list)
    for module, tree in trees.items():
        for name in constants(tree):
            if (module, name) in taken:
                found[name].append(module)
    return {name: modules for name, modules in found.items() if len(modules) > 1}


def test_a_constant_that_others_import_has_a_name_of_its_own():
    trees = {module: tree_of(module) for module in MODULES if module not in NAMED_ALIKE}
    assert same_constants(trees) == {}, "Give one of each two constants a name that says more."


@pytest.mark.parametrize("module", NAMED_ALIKE)
def test_a_module_that_may_name_alike_does(module):
    same = same_constants({each: tree_of(each) for each in MODULES})
    assert module in {each for modules in same.values() for each in modules}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("ALL, LEAST = 2, 3", {"ALL": ["a", "b"]}),
        ("ALL: int = 2", {"ALL": ["a", "b"]}),
        ("_ALL = 2", {}),
        ('ALL = TypeVar("ALL")', {}),
    ],
    ids=["unpacked", "with its type", "private", "variable of types"],
)
def test_two_constants_of_one_name_are_seen(second, expected):
    codes = {"a": "ALL = 1", "b": second, "c": "from a import ALL", "d": "from b import ALL"}
    assert same_constants({name: ast.parse(code) for name, code in codes.items()}) == expected


def test_a_constant_of_one_module_alone_may_be_named_like_another():
    codes = {"a": "ALL = 1", "b": "ALL = 2", "c": "from a import ALL"}
    assert same_constants({name: ast.parse(code) for name, code in codes.items()}) == {}


@pytest.mark.parametrize(
    ("module", "target", "name", "where"),
    [
        (f"{P}.results.slices", f"{P}.tuning.tuner", "Tuner", f"{P}.tuning"),
        (f"{P}.tuning.replay", f"{P}.tuning.tuner", "Tuner", f"{P}.tuning.tuner"),
        (f"{P}.results.slices", f"{P}.common.interval", "Interval", f"{P}.common.interval"),
    ],
)
def test_the_place_is_the_package_outside_of_it(module, target, name, where):
    assert place(module, target, name) == where

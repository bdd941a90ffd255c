"""Follows one parameter of a function through the code: how far a value travels before it is used.

    python tests/house/walk.py inficond_panel/tuning/repairs/resolution.py:resolve_repairs:photos

The walk goes from call to call, in the order of the code, into each function that gets the value,
or something read from it, as an argument or as ``self``. A *stay* is a part of the walk within one
file, *rooms* are the folders of these files, *returns* the stays in a file that the walk had left
before, and *names* the words by which the value is called. A call is followed if the module defines
or imports its function; a method, if the parameter is annotated with its class, or if one class
alone has a method of that name.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby

from modules import MODULES, tree_of
from numpy import ndarray

#: Methods that values of Python and arrays have, which ours of that name are not.
OTHERS = {name for kind in (list, dict, set, str, tuple, ndarray) for name in dir(kind)}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Place:
    """A function, by module and class ("" if none), and the parameter that gets the value."""

    module: str
    owner: str
    name: str
    parameter: str


@dataclass
class Walk:
    """Places in the order of the calls, and the names by which the value was called."""

    places: list[Place] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    @property
    def stays(self) -> list[str]:
        """Module of each stay, in order."""
        return [module for module, _ in groupby(each.module for each in self.places)]

    @property
    def rooms(self) -> int:
        """Number of folders that the walk enters."""
        return len({folder(module) for module in self.stays})

    @property
    def returns(self) -> int:
        """Number of stays in a file that the walk was in before."""
        return len(self.stays) - len(set(self.stays))

    def __str__(self) -> str:
        lines = [
            f"  {each.module}:{each.owner}.{each.name}({each.parameter})" for each in self.places
        ]
        counted = f"{len(self.stays)} stays, {self.rooms} rooms, {self.returns} returns"
        return "\n".join([f"{counted}, {len(self.names)} names", *lines])


def folder(module: str) -> str:
    """Folder of a module, by which rooms are counted."""
    return module.rpartition(".")[0] if MODULES[module].name != "__init__.py" else module


@cache
def defined(module: str) -> dict[tuple[str, str], Function]:
    """Functions of a module by class ("" if none) and name."""
    found: dict[tuple[str, str], Function] = {}
    for node in tree_of(module).body:
        if isinstance(node, Function):
            found["", node.name] = node
        elif isinstance(node, ast.ClassDef):
            inner = [each for each in node.body if isinstance(each, Function)]
            found |= {(node.name, each.name): each for each in inner}
    return found


@cache
def imported(module: str) -> dict[str, tuple[str, str]]:
    """Module and name of each name that a module imports from ours."""
    found = {}
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                found[alias.asname or alias.name] = (node.module, alias.name)
    return found


@cache
def methods() -> dict[str, list[tuple[str, str]]]:
    """Module and class of each method's name."""
    found = defaultdict(list)
    for module in MODULES:
        for owner, name in defined(module):
            if owner:
                found[name].append((module, owner))
    return found


def home(module: str, name: str) -> tuple[str, str]:
    """Module and name where a name is defined, seen from a module that has it."""
    if name in imported(module) and ("", name) not in defined(module):
        target, there = imported(module)[name]
        return home(target, there) if target != module else (target, there)
    return module, name


def class_of(place: Place, name: str) -> tuple[str, str] | None:
    """Module and class of a parameter, by its annotation, of ``self``, and of a class's own name;
    None of another name."""
    if name == "self":
        return place.module, place.owner
    for each in arguments(defined(place.module)[place.owner, place.name]):
        if each.arg == name and isinstance(each.annotation, ast.Name):
            return home(place.module, each.annotation.id)
    target, owner = home(place.module, name)
    return (target, owner) if any(each == owner for each, _ in defined(target)) else None


def arguments(function: Function) -> list[ast.arg]:
    """Parameters of a function, in order."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def called(place: Place, call: ast.Call) -> tuple[str, str, str] | None:
    """Module, class and name of the function that a call calls; None if it is not ours."""
    function = call.func
    if isinstance(function, ast.Name):
        target, name = home(place.module, function.id)
        if ("", name) in defined(target):
            return target, "", name
        return (target, name, "__init__") if (name, "__init__") in defined(target) else None
    if not isinstance(function, ast.Attribute):
        return None
    of = class_of(place, function.value.id) if isinstance(function.value, ast.Name) else None
    if of is not None and (of[1], function.attr) in defined(of[0]):
        return *of, function.attr
    owners = [] if function.attr in OTHERS else methods()[function.attr]
    return (*owners[0], function.attr) if len(owners) == 1 else None


def read_from(node: ast.AST, names: set[str]) -> bool:
    """True for one of the names, and for what is read from it: an attribute, an item, a call."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id in names


def names_of(function: Function, parameter: str) -> set[str]:
    """Names by which a function calls its parameter, or what it reads from it."""
    names = {parameter}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and read_from(node.value, names):
            names |= {each.id for each in node.targets if isinstance(each, ast.Name)}
        elif isinstance(node, ast.For | ast.comprehension) and read_from(node.iter, names):
            names |= {each.id for each in ast.walk(node.target) if isinstance(each, ast.Name)}
    return names


def steps(place: Place) -> tuple[set[str], list[Place]]:
    """Names of the value at a place, and the places to which the function passes it on."""
    function = defined(place.module)[place.owner, place.name]
    names, found = names_of(function, place.parameter), list[Place]()
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        target = called(place, call)
        if target is None:
            continue
        to = [each.arg for each in arguments(defined(target[0])[target[1:]])]
        inner = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        given = [inner, *call.args] if to[:1] in (["self"], ["cls"]) else call.args
        pairs = [*zip(to, given, strict=False), *((each.arg, each.value) for each in call.keywords)]
        found += [Place(*target, to) for to, value in pairs if to and read_from(value, names)]
    return names, found


def walk(start: Place) -> Walk:
    """Follow a parameter; each function and parameter once, in the order of the calls."""
    made, waiting = Walk(), [start]
    while waiting:
        place = waiting.pop(0)
        if place in made.places:
            continue
        made.places.append(place)
        names, found = steps(place)
        made.names |= names
        waiting = [*found, *waiting]
    return made


def place_of(text: str) -> Place:
    """Place that ``FILE:FUNCTION:PARAMETER`` names; a method is ``CLASS.METHOD``."""
    file, function, parameter = text.split(":")
    module = file.removesuffix(".py").replace("/", ".")
    owner, _, name = function.rpartition(".")
    return Place(module, owner, name, parameter)


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(walk(place_of(given)))

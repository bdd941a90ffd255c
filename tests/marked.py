"""Markers of a test file, read without importing it: what it imports may not be installed."""

import ast

#: Folders of tests of which most are quick.
FAST = ("house", "spec", "unit")
#: Markers of tests that ``--fast`` leaves out: a browser, networks, processes, whole commands, the
#: state of a page, and tests that take seconds by themselves.
SLOW = frozenset({"ui", "torch", "server", "commands", "page", "slow"})


def module_markers(tree: ast.Module) -> set[str]:
    """Names of the markers in a file's ``pytestmark``, which all its tests have."""
    return {
        node.attr
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and getattr(statement.targets[0], "id", "") == "pytestmark"
        for node in ast.walk(statement.value)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pytest.mark"
    }

"""Check the code of TorchScript files, and write it anew from its parsed form.

The code has the grammar of Python. It is parsed, not run; torch gets the text that is written from
the checked form, so that torch cannot read the code in another way. Every name in it must be a
value of the function's own, an attribute, a class of the file, or an operator in ``OPERATORS``.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache
from typing import cast

from precompute.teachers.torchscript_operators import FUNCTIONS, OPERATORS

#: Parts of Python's grammar in TorchScript. The rest, such as imports and lambdas, is refused.
_PARTS = """
Module ClassDef FunctionDef arguments arg AnnAssign Assign AugAssign Return If While For Expr Pass
Break Continue Assert Raise Delete With withitem Attribute Name Call keyword Constant List Tuple
Dict Subscript Slice UnaryOp BinOp BoolOp Compare IfExp ListComp comprehension Starred
expr_context operator unaryop boolop cmpop
"""
_GRAMMAR = tuple(getattr(ast, name) for name in _PARTS.split())
#: Names that mean something only with what follows them: ``torch.add``.
_ROOTS = frozenset(("torch", "ops", "__torch__", "CONSTANTS"))
#: Names with a meaning that code could take for its own values to hide what it calls.
_NEVER_OWN = _ROOTS | {
    "getattr",
    "print",
    "fork",
    "awaitable",
    "rpc_async",
    "rpc_sync",
    "rpc_remote",
}
#: Classes of C++, without those that are allowed: the weights of 8-bit layers.
_NATIVE = re.compile(r"(?<!\w)torch\.(?:classes(?!\.quantized\.)|cuda\.(?:Stream|Event))")


class NotAllowedError(ValueError):
    """Error: a file uses something that image networks do not need; the text says what."""


def rewritten(code: bytes) -> bytes:
    """Return TorchScript code, written anew from its parsed form, without comments.

    Raises ``NotAllowedError`` for operators that are not in ``OPERATORS``, for classes of C++, and
    for what is not TorchScript; ``SyntaxError`` or ``ValueError`` for code that cannot be parsed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        tree = ast.parse(code.decode("latin-1"))  # each byte a character, also in texts
    return f"{ast.unparse(_Checked().visit(tree))}\n".encode("latin-1")


def check_native(text: str) -> None:
    """Raise ``NotAllowedError`` for a text that names a class of C++, except 8-bit layers.

    Blanks, line ends and comments beside the dots of a name count as torch reads them: not at all.
    """
    for one in (text, re.sub("#.*", "", text)):
        if _NATIVE.search(".".join(part.strip(" \t\r\n\v\f\\") for part in one.split("."))):
            raise NotAllowedError(f"it uses the class {text[:80]}")


class _Checked(ast.NodeTransformer):
    """Visitor that checks all names in code, and writes texts as torch reads them."""

    def __init__(self) -> None:
        self._own = frozenset[str]()

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _GRAMMAR):
            raise NotAllowedError(f"its code has a part {type(node).__name__}, no TorchScript")
        result: ast.AST = super().visit(node)
        return result

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        inner = list(ast.walk(node))
        own = {one.arg for one in inner if isinstance(one, ast.arg)}
        own |= {
            one.id
            for one in inner
            if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
        }
        if taken := own & _NEVER_OWN:
            raise NotAllowedError(f"its code has a value of its own named {min(taken)}")
        outer, self._own = self._own, frozenset(own)
        checked = self.generic_visit(node)
        self._own = outer
        return checked

    def visit_Name(self, node: ast.Name) -> ast.AST:
        name = node.id
        known = name in self._own or name in FUNCTIONS or name[0].isupper()  # types are upper case
        if isinstance(node.ctx, ast.Load) and (not known or name in _ROOTS):
            raise NotAllowedError(f"its code uses {name[:80]}, which image networks do not need")
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        names = _dotted(node)
        if names[0] not in _ROOTS:
            _check_attribute(node.attr)
            return self.generic_visit(node)
        _check_operator(names)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Return a checked call; only here ``getattr`` is allowed: as a value it hides names."""
        if not (isinstance(node.func, ast.Name) and node.func.id == "getattr"):
            return self.generic_visit(node)
        name = node.args[1] if len(node.args) > 1 else None
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            raise NotAllowedError("its code computes the name of an attribute")
        _check_attribute(name.value)
        node.args = [cast(ast.expr, self.visit(one)) for one in node.args]
        node.keywords = [cast(ast.keyword, self.visit(one)) for one in node.keywords]
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Return a text as torch writes texts; other constants are written alike by Python."""
        if isinstance(node.value, bytes):
            raise NotAllowedError("its code has bytes, no TorchScript")
        if not isinstance(node.value, str):
            return node
        check_native(node.value)  # a text can be a type: ``x: "torch.classes.NAME"``
        return ast.Name(_quoted(node.value), ast.Load())


def _dotted(node: ast.expr) -> list[str]:
    """Return the names that are joined by dots; the first is "" for attributes of other values."""
    if isinstance(node, ast.Attribute):
        return [*_dotted(node.value), node.attr]
    return [node.id if isinstance(node, ast.Name) else ""]


def _check_operator(names: list[str]) -> None:
    """Raise ``NotAllowedError`` unless code may use ``torch.NAME``, ``ops.SPACE.NAME``, a class or
    function of the file, or a constant of the file."""
    text = ".".join(names)
    if names[0] == "__torch__":
        if text == "__torch__.torch":  # as a value, it hides the classes of C++ below it
            raise NotAllowedError(f"its code uses {text}, which is no class of the file")
        check_native(text)
    elif names[0] != "CONSTANTS":
        space, *rest = ["aten", *names[1:]] if names[0] == "torch" else names[1:]
        if len(rest) != 1 or rest[0] not in OPERATORS.get(space, ()):
            raise NotAllowedError(f"its code uses {text[:80]}, which image networks do not need")


def _check_attribute(name: str) -> None:
    """Raise ``NotAllowedError`` for an attribute that may be a call of another operator."""
    if name in _refused_operators():
        raise NotAllowedError(f"its code uses .{name}, which image networks do not need")


@lru_cache(maxsize=1)
def _refused_operators() -> frozenset[str]:
    """Return the names of torch's operators that are not allowed: ``x.NAME`` may call them."""
    import torch

    named = (schema.name.partition("::") for schema in torch._C._jit_get_all_schemas())
    every = {name.partition(".")[0] for space, _, name in named if space in ("aten", "prim")}
    return frozenset(every - OPERATORS["aten"] - OPERATORS["prim"])


def _quoted(text: str) -> str:
    """Return a text between quotes, with all but printable ASCII as octal numbers of its bytes."""
    if any(ord(letter) < 32 and letter not in "\n\r\t" for letter in text):
        raise NotAllowedError("its code has a text with control characters")
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if " " <= c <= "~" else f"\\{ord(c):03o}" for c in plain) + '"'

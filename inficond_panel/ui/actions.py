"""Messages of the browser, by one protocol: ``{"action": name, ...}`` calls that method.

The other entries of a message are the method's arguments, checked against its annotations here, so
that no view sees an action, an argument or a type that it does not name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

from panel.custom import JSComponent

Method = TypeVar("Method", bound=Callable[..., None])

_MARK = "_is_action"


def action(method: Method) -> Method:
    """Mark a method that the browser may call, by its name without a leading underscore.

    Its arguments are annotated with what JSON has: str, int, float, bool, None, list, dict, Any.
    """
    setattr(method, _MARK, True)
    return method


class Acting:
    """Base of whatever answers messages of the browser."""

    _actions: ClassVar[Mapping[str, Callable[..., None]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name.removeprefix("_"): it for name, it in vars(cls).items() if hasattr(it, _MARK)}
        bases = [base for base in reversed(cls.__bases__) if issubclass(base, Acting)]
        inherited = {name: it for base in bases for name, it in base._actions.items()}
        cls._actions = {**inherited, **own}

    def listen_to(self, component: JSComponent) -> None:
        """Answer the messages of ``component``."""
        component.on_msg(lambda event: self.act(event.data))

    def act(self, message: Mapping[str, Any]) -> None:
        """Call the method that ``message`` names.

        Raises ``ValueError`` for an unknown action, ``TypeError`` for arguments that do not fit.
        """
        arguments = dict(message)
        name = arguments.pop("action", None)
        method = self._actions.get(name) if isinstance(name, str) else None
        if method is None:
            raise ValueError("no such action")
        if self._takes(str(name)):
            _check(method, arguments)
            method(self, **arguments)

    def _takes(self, name: str) -> bool:
        """True if the action may be called now; what may not is left out."""
        return True


@cache
def _signature(method: Callable[..., None]) -> inspect.Signature:
    signature = inspect.signature(method, eval_str=True)
    _, *arguments = signature.parameters.values()
    return signature.replace(parameters=arguments)


def _check(method: Callable[..., None], arguments: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` where an argument is missing, unknown, or of another type."""
    signature = _signature(method)
    signature.bind(**arguments)
    for name, value in arguments.items():
        if not _fits(value, signature.parameters[name].annotation):
            raise TypeError("an argument is of another type")


def _fits(value: Any, hint: Any) -> bool:
    """True if a value of JSON is of an annotated type; an integer is a float, a bool is neither."""
    if hint is Any:
        return True
    origin, inner = get_origin(hint) or hint, get_args(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, each) for each in inner)
    if origin is list:
        return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict)
    if origin is float:
        return type(value) in {int, float}
    return type(value) is (NoneType if origin is None else origin)

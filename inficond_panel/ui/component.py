"""Components of the page: parameters for the browser, its messages, and the actions they name.

A message ``{"action": name, ...}`` calls that method; its other entries are the arguments, checked
against the annotations. A page sends what its controls can. Anything else comes from no control: it
is left out, with one line in the log that holds nothing of it, and no traceback.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, Union, get_args, get_origin
from weakref import WeakKeyDictionary

import param
from bokeh.document import Document
from bokeh.model import DataModel, Model
from bokeh.util.callback_manager import PropertyCallbackManager
from panel import custom
from panel.custom import Child, Children, JSComponent
from panel.io import hold, state
from panel.models.esm import DataEvent

from inficond_panel.common.seldom import logger_of
from inficond_panel.errors import InficondError
from inficond_panel.ui import browser
from inficond_panel.vocabulary.splits import TUNE

if TYPE_CHECKING:
    from inficond_panel.state import AppState

#: Messages of a page that are taken: so many a second, and so many at once. A key that is held
#: down repeats some 30 times a second.
RATE, BURST = 30.0, 120
#: Characters of one text in a message.
LONGEST = 100_000

#: What a message that no control sends can raise in what takes it.
MALFORMED = (InficondError, LookupError, TypeError, ValueError, AttributeError, OverflowError)

_log = logger_of(__name__)
_panel = logging.getLogger("panel.reactive")


class Pace:
    """Number of messages that one page may still send: each takes one, time gives them back."""

    def __init__(self) -> None:
        self._left, self._at, self._dropped = float(BURST), time.monotonic(), 0

    def allows(self) -> bool:
        """True if one more may come; dropping is logged once, when it begins."""
        moment = time.monotonic()
        self._left = min(BURST, self._left + RATE * (moment - self._at))
        self._at = moment
        if self._left < 1:
            if not self._dropped:
                _log.warning("A page sends too many messages; they are dropped")
            self._dropped += 1
            return False
        self._left, self._dropped = self._left - 1, 0
        return True


_paces: WeakKeyDictionary[Document, Pace] = WeakKeyDictionary()


def allows(document: Document | None) -> bool:
    """True if the page of ``document`` may send one more message; a notebook's always may."""
    return document is None or _paces.setdefault(document, Pace()).allows()


def checked_message(message: object) -> dict[str, object]:
    """The message with whole characters; ``TypeError`` where it is no object, else ``ValueError``
    where it is too long."""
    if not isinstance(message, dict):
        raise TypeError("not an object")
    if max(map(len, _texts(message)), default=0) > LONGEST:
        raise ValueError("a text is too long")
    return {key: whole_text(value) for key, value in message.items()}


def whole_text(value: object) -> object:
    """The value with ``?`` for half a character, which a browser may cut and nobody can store."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {whole_text(key): whole_text(item) for key, item in value.items()}
    return [whole_text(item) for item in value] if isinstance(value, list) else value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


@contextmanager
def refusing(component: str) -> Iterator[None]:
    """Leave out what a browser sent ``component`` where it is malformed; log where it was seen."""
    before, _panel.disabled = _panel.disabled, True  # Panel logs the values that it fails on
    try:
        yield
    except MALFORMED as error:
        seen = traceback.extract_tb(error.__traceback__)[-1]
        line = f"{Path(seen.filename).name}:{seen.lineno}"
        _log.warning("Refused a message to %s: %s at %s", component, type(error).__name__, line)
    finally:
        _panel.disabled = before


class Component(JSComponent):
    """One ES module that draws from the component's parameters.

    The browser sets those in ``_taken``, and sends messages to what ``on_msg`` was given; both are
    left out where they are malformed (``checked_message``) or too many (``allows``). What all views
    change upon one of them goes to the page in one message.
    """

    _taken: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **params: Any) -> None:
        _hold_plain_data(type(self))
        super().__init__(**params)

    @property
    def _linked_properties(self) -> tuple[str, ...]:
        return tuple(name for name in super()._linked_properties if name in self._taken)

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        """Tell the browser that the source is JavaScript, by a name for it.

        Without one Panel compiles each source in the browser, as if it were TypeScript, whenever a
        page opens.
        """
        properties = super()._get_properties(doc)
        return {**properties, "bundle": _bundle_name(properties["esm"])}

    def _process_event(self, event: Any) -> None:
        if isinstance(event, DataEvent) and allows(state.curdoc):
            with refusing(type(self).__name__), hold(state.curdoc):
                event.data = checked_message(event.data)
                super()._process_event(event)

    def _process_events(self, events: dict[str, Any]) -> None:
        taken = {name: value for name, value in events.items() if name in self._taken}
        if taken and allows(state.curdoc):
            with refusing(type(self).__name__), hold(state.curdoc):
                super()._process_events({name: whole_text(value) for name, value in taken.items()})

    @classmethod
    def _patch_datamodel_ref(cls, props: DataModel, ref: str) -> None:
        """Mark the component's data as the page ``ref``'s; its children mark their own.

        Panel looks for data models in all that the component holds, at each change of it: in every
        row of a table, and from the shell in the whole page. Here only the component has one.
        """
        tag = f"__ref:{ref}"
        if tag not in props.tags:
            props.tags.append(tag)


@cache
def _bundle_name(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _hold_plain_data(component: type[Component]) -> None:
    """Let a change of the component's data search it for models only where children are held.

    Bokeh looks at every value of every row of a table, at each change, for models that came or
    went. What is sent to the browser are texts and numbers; models are children alone.
    """
    data = component._data_model
    if "trigger" in vars(data):
        return
    holding = [name for name in data.properties() if _holds_models(component, name)]

    def trigger(model: Any, attr: str, old: Any, new: Any, *hint: Any, **setter: Any) -> None:
        change = Model.trigger if attr in holding else PropertyCallbackManager.trigger
        change(model, attr, old, new, *hint, **setter)

    setattr(data, "trigger", trigger)  # noqa: B010 - a class that Panel made


def _frozen(
    freeze: Callable[..., AbstractContextManager[None]],
    document: Document,
    model: Any,
    properties: dict[str, Any],
    force: bool = False,
) -> AbstractContextManager[None]:
    """Panel's way to hold the page's list of models while ``model`` changes, where it can change.

    Panel too looks at every value of every row for that, and asks the model for each by name.
    """
    if not force and "trigger" in vars(type(getattr(model, "data", None))):
        return nullcontext()
    return freeze(document, model, properties, force)


setattr(custom, "freeze_doc", partial(_frozen, custom.freeze_doc))  # noqa: B010 - our kind of it


def _holds_models(component: type[Component], name: str) -> bool:
    return name in component.param and isinstance(component.param[name], Child | Children)


class ViewComponent(Component):
    """A component that is one view."""

    theme = param.String("", doc="light, dark, or empty: the page's.")
    extent = param.String("simple", doc="simple: what people who begin need; or details.")
    intervals = param.Boolean(True, doc="Whether changes and curves have their intervals.")

    #: Milliseconds that Panel waits for more changes: the browser sends those of a click together.
    _debounce: ClassVar[int] = 0


def tie(component: JSComponent, kept: param.Parameterized, **names: Any) -> None:
    """Keep params of a component and of the state ``kept`` equal, from the state's values on."""
    component.param.update(**{name: getattr(kept, other) for name, other in names.items()})
    component.link(kept, bidirectional=True, **names)


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
        marked = {
            name.removeprefix("_"): it for name, it in vars(cls).items() if hasattr(it, _MARK)
        }
        bases = [base for base in reversed(cls.__bases__) if issubclass(base, Acting)]
        inherited = {name: it for base in bases for name, it in base._actions.items()}
        cls._actions = {**inherited, **marked}

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


class Connection(Acting, Component):
    """A banner where the connection is lost; once the server answers, the page is loaded again.

    A root of its own on each page that a server gives out, beside what the page shows. The browser
    asks ``{"action": "alive", "turn"}`` after what it sent, and from time to time; the answer is
    ``{"alive": turn}``, a sign that all before it has arrived.
    """

    over = param.Boolean(False, doc="Whether the page shows its last: it needs no server.")
    after = param.String("", doc="What a person has to do once the page was loaded again.")

    _esm = browser.module(Path(__file__).with_name("connection.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("connection.css"))

    def __init__(self, **params: Any) -> None:
        super().__init__(margin=0, **params)
        self.listen_to(self)

    @action
    def _alive(self, turn: int) -> None:
        self._send_msg({"alive": turn})


class RefitActions(Acting):
    """Actions on the batch of ``app`` as a whole."""

    app: AppState

    @action
    def _fine_tune(self) -> None:
        self.app.tuning.fine_tune()

    @action
    def _cancel(self) -> None:
        self.app.tuning.cancel()

    @action
    def _clear(self) -> None:
        self.app.tuning.clear()

    @action
    def _stop_suggesting(self) -> None:
        self.app.suggestion.cancel()

    @action
    def _show_tune(self) -> None:
        """Leave the holdout."""
        self.app.tuning.show_split(TUNE)

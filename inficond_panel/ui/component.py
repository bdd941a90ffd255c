"""Base of the page's components: parameters for the browser, and actions that it may call.

A message ``{"action": name, ...}`` calls the method with this name; its other entries are the
arguments, checked against the annotations. A malformed message comes from no control of the page:
it is dropped, with one line in the log that quotes nothing of the message, and no traceback.
"""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Self, TypeVar, Union, get_args, get_origin
from weakref import WeakKeyDictionary

import param
from bokeh.document import Document
from panel.config import config
from panel.custom import JSComponent
from panel.io import hold, state
from panel.models.esm import DataEvent

from inficond_panel.common.logs import logger_of
from inficond_panel.errors import InficondError
from inficond_panel.state import AppState
from inficond_panel.ui import browser
from inficond_panel.ui.threads import threads_error
from inficond_panel.ui.upstream import LightComponent, handling
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.wording.things import image_word

#: Accepted messages of a page: per second on average, and at once. A key that is held down repeats
#: about 30 times per second.
RATE, BURST = 30.0, 120
#: Largest number of characters of one text in a message.
LONGEST = 100_000

#: Exceptions that a malformed message can raise in its receiver.
MALFORMED = (InficondError, LookupError, TypeError, ValueError, AttributeError, OverflowError)

_log = logger_of(__name__)


class Pace:
    """Rate limit of one page's messages: ``RATE`` per second on average, ``BURST`` at once."""

    def __init__(self) -> None:
        self._left, self._at, self._dropped = float(BURST), time.monotonic(), 0

    def allows(self) -> bool:
        """Count a message and return True if it is allowed; log once when dropping begins."""
        moment = time.monotonic()
        self._left = min(BURST, self._left + RATE * (moment - self._at))
        self._at = moment
        if self._left < 1:
            if not self._dropped:
                _log.warning("A page sends over %s messages per second; dropping the others", RATE)
            self._dropped += 1
            return False
        self._left, self._dropped = self._left - 1, 0
        return True


_paces: WeakKeyDictionary[Document, Pace] = WeakKeyDictionary()


def allows(document: Document | None) -> bool:
    """Return True if the page of ``document`` may send one more message; for None always."""
    return document is None or _paces.setdefault(document, Pace()).allows()


def checked_message(message: object) -> dict[str, object]:
    """Return a message from the browser with each lone surrogate replaced (see ``whole_text``).

    Raises ``TypeError`` if it is no JSON object, and ``ValueError`` for a text over ``LONGEST``.
    """
    if not isinstance(message, dict):
        raise TypeError("the message is not a JSON object")
    if max(map(len, _texts(message)), default=0) > LONGEST:
        raise ValueError(f"a text of the message is longer than {LONGEST:,} characters")
    return {key: whole_text(value) for key, value in message.items()}


def whole_text(value: object) -> object:
    """Return a JSON value whose texts have ``?`` for lone surrogates, which no file can store."""
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
    """Context that drops a malformed message to ``component``; the log gets the failing line."""
    token = handling.set(True)
    try:
        yield
    except MALFORMED as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        line = f"{Path(frame.filename).name}:{frame.lineno}"
        _log.warning("Refused a message to %s: %s at %s", component, type(error).__name__, line)
    finally:
        handling.reset(token)


class Component(LightComponent):
    """Component of the page, which one ES module draws in the browser from its parameters.

    The browser may set the parameters in ``_taken``, and sends messages to the ``on_msg`` handlers;
    malformed messages (``checked_message``) and too many (``allows``) are dropped. All changes that
    follow from one message go to the page in one message.
    """

    _taken: ClassVar[frozenset[str]] = frozenset()

    @property
    def _linked_properties(self) -> tuple[str, ...]:
        return tuple(name for name in super()._linked_properties if name in self._taken)

    def _process_event(self, event: Any) -> None:
        if isinstance(event, DataEvent) and self._takes_messages():
            with refusing(type(self).__name__), hold(state.curdoc):
                event.data = checked_message(event.data)
                super()._process_event(event)

    def _process_events(self, events: dict[str, Any]) -> None:
        taken = {name: value for name, value in events.items() if name in self._taken}
        if taken and self._takes_messages():
            with refusing(type(self).__name__), hold(state.curdoc):
                super()._process_events({name: whole_text(value) for name, value in taken.items()})

    def _takes_messages(self) -> bool:
        """Return True if the page may send one more message, and is on the event loop; else log
        why the message is refused."""
        if config.nthreads is None:  # an app can set it after ``check_threads``
            return allows(state.curdoc)
        _log.warning(
            "Refused a message to %s. %s", type(self).__name__, threads_error(config.nthreads)
        )
        return False


class ViewComponent(Component):
    """Component that draws one view, with the page's theme and level of detail."""

    theme = param.String("", doc="light or dark; empty: the page's theme.")
    called = param.String("image", doc="What sentences call an image of the store.")
    extent = param.String("simple", doc="simple (for beginners) or details.")

    #: Milliseconds that Panel waits for more changes: 0, as the browser sends a click's together.
    _debounce: ClassVar[int] = 0

    @classmethod
    def of(cls, app: AppState, **params: Any) -> Self:
        """Return the component for a session's page, with its theme and level of detail."""
        extent = app.settings.param.show
        classes = [] if app.spec.views.intervals else ["estimates-alone"]  # no intervals
        return cls(
            theme=app.param.theme,
            extent=extent,
            called=image_word(app.store),
            css_classes=classes,
            margin=0,
            **params,
        )


def tie(component: JSComponent, kept: param.Parameterized, **names: Any) -> None:
    """Link parameters of a component with parameters of the state ``kept``, in both directions.

    ``names`` are the state's parameters by the component's; the state's values come first.
    """
    component.param.update(**{name: getattr(kept, other) for name, other in names.items()})
    component.link(kept, bidirectional=True, **names)


Method = TypeVar("Method", bound=Callable[..., None])

_MARK = "_is_action"


def action(method: Method) -> Method:
    """Mark a method as an action that the browser may call, without its leading underscore.

    Annotate its arguments with types of JSON: str, int, float, bool, None, list, dict, Any.
    """
    setattr(method, _MARK, True)
    return method


class Acting:
    """Base of objects whose methods marked as ``action`` the browser may call by messages."""

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
        """Call ``act`` for each message that the browser sends to ``component``."""
        component.on_msg(lambda event: self.act(event.data))

    def act(self, message: Mapping[str, Any]) -> None:
        """Call the action that ``message["action"]`` names, with the other entries as arguments.

        Raises ``ValueError`` for an unknown action, ``TypeError`` for arguments that do not fit.
        """
        arguments = dict(message)
        name = arguments.pop("action", None)
        method = self._actions.get(name) if isinstance(name, str) else None
        if method is None:
            raise ValueError(f"the component has no action {name!r}")
        if self._takes(str(name)):
            signature = _signature(method)
            signature.bind(**arguments)
            for key, value in arguments.items():
                if not _fits(value, signature.parameters[key].annotation):
                    kind = type(value).__name__
                    raise TypeError(f"the argument {key} has a wrong type: {kind}")
            method(self, **arguments)

    def _takes(self, name: str) -> bool:
        """Return True if the action ``name`` may be called now; else its message is ignored."""
        return True


@cache
def _signature(method: Callable[..., None]) -> inspect.Signature:
    signature = inspect.signature(method, eval_str=True)
    _, *arguments = signature.parameters.values()
    return signature.replace(parameters=arguments)


def _fits(value: Any, hint: Any) -> bool:
    """Return True if a JSON value has the type ``hint``; an int is a float, a bool is neither."""
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
    """Banner for a lost connection; the page reloads once the server answers again.

    The banner is a separate root on each page of a server. After other messages, and from time to
    time, the browser sends ``{"action": "alive", "turn"}``, where ``turn`` is a number; the answer
    ``{"alive": turn}`` confirms that all earlier messages have arrived.
    """

    over = param.Boolean(False, doc="Whether the page needs no server any more.")
    after = param.String("", doc="What a person has to do after the reload.")

    _esm = browser.module(Path(__file__).with_name("connection.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("connection.css"))

    def __init__(self, **params: Any) -> None:
        super().__init__(margin=0, **params)
        self.listen_to(self)

    @action
    def _alive(self, turn: int) -> None:
        self._send_msg({"alive": turn})


class RefitActions(Acting):
    """Actions of the browser on the pending batch of ``app``: fine-tune, cancel, clear."""

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
        self.app.tuning.show_split(TUNE)

"""Guards of Panel's server: checks of who and what may come in.

Panel and Bokeh have no setting for most of this, so ``guard`` replaces single methods of theirs,
in the process of a server only. Each module tells which, and why.
"""

from functools import cache

from inficond_panel.serving.answers import guard_answers, guard_login, guard_routes
from inficond_panel.serving.messages import guard_messages, guard_writes
from inficond_panel.serving.sessions import guard_sessions
from inficond_panel.serving.weight import guard_weight

__all__ = ["guard", "is_guarded"]


@cache
def guard() -> None:
    """Guard the server of this process, also one that runs already: from its next request on."""
    guard_routes()
    guard_sessions()
    guard_messages()
    guard_writes()
    guard_answers()
    guard_login()
    guard_weight()


def is_guarded() -> bool:
    """Whether ``guard`` was called in this process."""
    return guard.cache_info().currsize > 0

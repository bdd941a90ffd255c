"""Guards of Panel's server, which check requests, sessions, messages and logins, and its memory.

Panel and Bokeh have no settings for most of these checks, so ``guard`` replaces single methods of
Panel and Bokeh, only in a server's process. Each module states which methods, and why.
"""

from functools import cache

from inficond_panel.serving.answers import guard_answers
from inficond_panel.serving.login import guard_login
from inficond_panel.serving.memory import limit_memory_pools
from inficond_panel.serving.messages import guard_messages, guard_writes
from inficond_panel.serving.sessions import guard_sessions

__all__ = ["guard", "is_guarded"]


@cache
def guard() -> None:
    """Install all guards in this process; a server that already runs uses them from now on."""
    guard_sessions()
    guard_messages()
    guard_writes()
    guard_answers()
    guard_login()
    limit_memory_pools()


def is_guarded() -> bool:
    """Return True if ``guard`` was called in this process."""
    return guard.cache_info().currsize > 0

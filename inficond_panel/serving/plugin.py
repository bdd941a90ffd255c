"""Plugin of ``panel serve``: all guards and ``/health``, from the server's first request on.

For an app of your own: ``panel serve own_app.py --plugins inficond_panel.serving.plugin``.
"""

from inficond_panel.serving import guard
from inficond_panel.serving.health import ROUTES

__all__ = ["ROUTES"]

guard()

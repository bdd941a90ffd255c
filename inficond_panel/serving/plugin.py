"""Plugin of ``panel serve`` that installs all guards, ``/health`` and ``/metrics``.

For your app: ``panel serve own_app.py --plugins inficond_panel.serving.plugin``.
"""

from inficond_panel.serving import guard
from inficond_panel.serving.health import ROUTES

__all__ = ["ROUTES"]

guard()

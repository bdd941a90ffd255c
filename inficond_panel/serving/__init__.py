"""Guards of Panel's server: checks of who and what may come in.

Panel and Bokeh have no setting for most of this, so ``guard`` replaces single methods of theirs,
in the process of a server only. Each module tells which, and why.
"""

from inficond_panel.serving.guards import guard

__all__ = ["guard"]

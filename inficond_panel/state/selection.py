"""What the user looks at: shared by all views, by name and never by position."""

from __future__ import annotations

import param


class Selection(param.Parameterized):
    """The chosen class (student), the concept opened in detail, and a group of concepts."""

    class_name = param.String("", doc="Class whose student is selected; empty: none.")
    concept = param.String("", doc="Concept opened in the detail view; empty: none.")
    concepts = param.List([], item_type=str, doc="Group of concepts, as drawn with the lasso.")

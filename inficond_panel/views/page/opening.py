"""Page before the views: the progress of opening, or an error with its remedy."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from string import Template

import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.errors import FileProblemsError, InficondError
from inficond_panel.vocabulary.palette import BACKGROUND, INK, INK_2, SURFACE, TRACK

_ROLES = {"bg": BACKGROUND, "ink": INK, "surface": SURFACE, "faint": INK_2, "track": TRACK}
_COLOURS = {
    **{name: colour.light for name, colour in _ROLES.items()},
    **{f"dark_{name}": colour.dark for name, colour in _ROLES.items()},
}
_STYLE = Template("""
:host { display: grid; place-items: center; min-height: 100vh; box-sizing: border-box;
  padding: 24px; background: $bg; color: $ink;
  font: 14px/20px var(--inficond-font, sans-serif);
  font-family: var(--inficond-font, sans-serif) !important; /* Panel's design sheets come later */ }
main { min-width: 0; }
section { max-width: 960px; background: $surface; border-radius: 8px; padding: 24px 32px; }
h1 { font-size: 18px; line-height: 22px; margin: 0 0 12px; }
p { margin: 8px 0 0; color: $faint; }
li, code { font: 13px/20px ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 20px; }
progress { width: 320px; }
:host:has(.page) { display: block; padding: 0; }
.page { --track: $track; min-height: 100vh; box-sizing: border-box; padding: 0 16px 16px;
  display: grid; gap: 12px; grid-template: 28px 72px minmax(0, 1fr) / 3fr 5fr 4fr; }
.page > b { grid-column: 1 / -1; padding-top: 10px; font-weight: 700; }
.page > section { grid-column: 1 / -1; max-width: none; padding: 0 16px; border-radius: 8px;
  display: flex; align-items: center; gap: 16px; }
.page h1 { margin: 0; font-size: 14px; line-height: 20px; }
.page > div { display: grid; gap: 12px; grid-template-rows: 1fr 338px 252px; }
.page i { position: relative; display: block; min-height: 0; border-radius: 8px;
  background: $surface; }
.page i::before { content: ""; position: absolute; inset: 15px auto auto 16px;
  width: 40%; height: 14px; border-radius: 4px; background: var(--track); }
.page i::after { content: ""; position: absolute; inset: 60px 16px 16px;
  background: repeating-linear-gradient(var(--track) 0 12px, transparent 12px 44px); opacity: 0.5; }
@media (max-width: 1879px), (max-height: 979px) {
  .page { padding: 0 12px 12px; grid-template-rows: 28px 108px minmax(0, 1fr); }
  .page > div { grid-template-rows: 47fr 53fr; } .page > div > :last-child { display: none; } }
@media (prefers-color-scheme: dark) {
  :host { background: $dark_bg; color: $dark_ink; } section, .page i { background: $dark_surface; }
  p { color: $dark_faint; } .page { --track: $dark_track; } }
""").substitute(_COLOURS)
#: Where an error is told: centred together with the button below it.
_TOLD = """
:host { min-height: 0; padding-bottom: 16px; }
main { display: grid; justify-items: center; }
"""
_AROUND = Template("""
:host { justify-content: center; min-height: 100vh; background: $bg; }
@media (prefers-color-scheme: dark) { :host { background: $dark_bg; } }
""").substitute(_COLOURS)
#: The page's own places, empty: what is there first moves little when the views come.
_BONES = "<i></i><i></i><div><i></i><i></i><i></i></div>"


class OpeningView(Viewer):
    """Progress while a spec is opened; the error and its remedy if it cannot be."""

    text = param.String("Opening", doc="What is being done.")
    share = param.Number(0.0, bounds=(0, 1), doc="How much of it is done.")
    error = param.ClassSelector(class_=InficondError, default=None)

    def __init__(self) -> None:
        super().__init__()
        self._again: Callable[[], None] | None = None
        self._page = pn.Column(
            *self._made(), sizing_mode="stretch_both", margin=0, stylesheets=[_AROUND]
        )

    def begin(self, again: Callable[[], None]) -> None:
        """Show that opening begins; where it fails the user can have it done ``again``."""
        self._again = again
        self.param.update(text="Opening", share=0.0, error=None)

    def report(self, share: float, text: str) -> None:
        """Show the progress (0 to 1) and the present step."""
        self.param.update(share=min(max(share, 0.0), 1.0), text=text, error=None)

    def fail(self, error: InficondError) -> None:
        """Show an error and its remedy."""
        self.error = error

    @param.depends("text", "share", "error", watch=True)
    def _show(self) -> None:
        # A new pane, since one that is changed fetches its style sheets again (see stylesheets.py).
        self._page[:] = self._made()

    def _made(self) -> list[Viewable]:
        if self.error is None:
            html = _progress_html(self.text, self.share)
            return [_pane(html, _STYLE, sizing_mode="stretch_both")]
        told = _pane(error_html(self.error), _STYLE + _TOLD, sizing_mode="stretch_width")
        again = self._again
        return [told] if again is None else [told, _button("Try again", again)]

    def __panel__(self) -> Viewable:
        return self._page


def _pane(html: str, style: str, **params: str) -> pn.pane.HTML:
    return pn.pane.HTML(html, margin=0, stylesheets=[style], **params)


def _button(name: str, action: Callable[[], None]) -> pn.widgets.Button:
    look = {"color": "primary", "align": "center", "sizing_mode": "fixed", "width": 120}
    return pn.widgets.Button(label=name, on_click=lambda _: action(), **look)


def _progress_html(text: str, share: float) -> str:
    return (
        f"<main class='page'><b>InFiConD</b><section role='status'><h1>{escape(text)}</h1>"
        f"<progress max='1' value='{share:.3f}' aria-label='Progress'></progress></section>"
        f"{_BONES}</main>"
    )


def error_html(error: InficondError) -> str:
    """An error as escaped HTML: every problem of a file on its own line, then the remedy."""
    if isinstance(error, FileProblemsError):
        items = "".join(f"<li>{escape(line)}</li>" for line in error.problems_for_page)
        body = f"<h1>The spec needs {len(error.problems)} change(s)</h1><ul>{items}</ul>"
    else:
        body = f"<h1>{escape(error.for_page)}</h1>"
    remedy = f"<p>{escape(error.remedy_for_page)}</p>" if error.remedy else ""
    return f"<main><section role='alert'>{body}{remedy}</section></main>"

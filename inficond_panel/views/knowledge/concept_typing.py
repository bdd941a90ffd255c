"""Adding a concept by typing it, as plain data for the dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inficond_panel.state import AppState


def make_typing(app: AppState) -> dict[str, Any]:
    """Content of the dialog: the encoder and its prompts, what is typed, how far it is."""
    state, store = app.concepts, app.store
    status = state.status
    prompts = store.attrs.get("prompts", [])
    return {
        "encoder": store.attrs["encoder"],
        "prompt": prompts[0] if prompts else "{}",
        "prompts": len(prompts),
        "typed": state.typed,
        "missing": state.missing,
        "kind": status.kind,
        "text": status.text,
        "progress": status.progress,
        "remedy": status.remedy,
        "carried": state.carried,
        "others": state.others,
        "busy": state.busy,
    }

"""Views that a task shows under a condition, and goals that these views put out of reach."""

from __future__ import annotations

from inficond_panel.spec import Layout, Spec
from inficond_panel.study.spec.conditions import Level
from inficond_panel.study.spec.task_sections import AnswersGiven, Task

#: View with the thumbs, the button *Fine-tune* and the photos to answer.
TUNING_VIEW = "knowledge"


def page_spec(spec: Spec, task: Task, level: Level | None) -> Spec:
    """Return the spec of the app with the condition's views, else the task's views, if any."""
    views, layout = (level.views if level else []) or task.views, spec.layout
    if not views:
        return spec
    rows = [[name for name in row if name in views] for row in layout.rows]
    rows += [[name] for name in views if name not in layout.views]  # a view that it lacks
    rows = [row for row in rows if row]
    made = Layout(theme=layout.theme, show=layout.show, rows=rows)
    return spec.model_copy(update={"layout": made})


def goal_fault(spec: Spec, task: Task, level: Level | None) -> str:
    """Return the reason why nobody can reach the goal of a task by the views of a condition; "" if
    there is none, or no goal. ``spec`` is that of the app, with the changes of the condition."""
    under = f"under the condition {level.name_!r} " if level and level.name_ else ""
    asks = isinstance(task.done_when, AnswersGiven)
    if asks and level and level.may_ask is False:
        return f"cannot be reached: {under}images cannot be answered (may_ask: false)"
    shown = page_spec(spec, task, level).layout.views
    if task.ends_by_word or TUNING_VIEW in shown:
        return ""
    what = "images are answered" if asks else "students change"
    return (
        f"cannot be reached: {under}the views are {', '.join(shown)}, and {what} only in "
        f"{TUNING_VIEW}; add it to the views, or leave done_when out"
    )

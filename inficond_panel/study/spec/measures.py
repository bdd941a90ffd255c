"""Measures of a study's tasks, which its report compares."""

from __future__ import annotations

#: Attributes of ``results.TaskResult`` that are compared, with their names for people.
REACHED = "reached"
TASK_MEASURES = {
    REACHED: "goal reached, share",
    "minutes": "minutes",
    "minutes_reached": "minutes of those who reached the goal",
    "iterations": "iterations",
    "thumbs": "thumbs an iteration",
    "sorts": "lists sorted",
    "gain": "gain on tuning images, points of AP",
    "holdout_gain": "gain on the holdout, points of AP",
}
#: Measures that a task without a goal does not have.
OF_GOALS = (REACHED, "minutes_reached")

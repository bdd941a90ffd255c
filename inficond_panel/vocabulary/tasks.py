"""Words of data and teachers: tasks, activations, outputs, links, and a warning of stores."""

from __future__ import annotations

#: Whether an image has any number of the classes, or exactly one.
TASKS = MULTI_LABEL, SINGLE_LABEL = "multi_label", "single_label"
_TASK_WORDS = {
    MULTI_LABEL: "any number of classes per image",
    SINGLE_LABEL: "one class per image",
}
#: What turns a teacher's logits into probabilities: each class by itself, or over all classes.
SIGMOID, SOFTMAX = "sigmoid", "softmax"
ACTIVATIONS = (SIGMOID, SOFTMAX)
#: What turns the students' logits into probabilities: a student per class, or one of all classes.
LINKS = (SIGMOID, SOFTMAX)
#: What the outputs of a teacher are.
OUTPUTS = ("logits", "probabilities")
#: What overrules labels that speak for another order of a teacher's outputs: of the key
#: ``teacher.order``, of arguments, and of a store's attribute.
AS_GIVEN = "as_given"


#: Photos of two splits that are nearly the same.
NEAR_DUPLICATES = "nearly equal photos across splits"
#: Concepts that the encoder hardly tells apart.
TWINS = "concepts with nearly the same text vector"


def task_text(task: str, activation: str, outputs: int = 0) -> str:
    """The task and the teacher's activation in words; ``outputs``: of how many classes, 0: all."""
    over = f" over {outputs} classes" if outputs else ""
    return f"{task} ({_TASK_WORDS[task]}); the teacher ends in a {activation}{over}"

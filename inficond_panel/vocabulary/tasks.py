"""Words of data and teachers: tasks, activations, outputs, links, and warnings of stores."""

from __future__ import annotations

#: Tasks: an image has any number of the classes, or exactly one class.
TASKS = MULTI_LABEL, SINGLE_LABEL = "multi_label", "single_label"
_TASK_WORDS = {MULTI_LABEL: "any number of classes per", SINGLE_LABEL: "one class per"}
#: Activation from a teacher's logits to probabilities: per class, or over all classes.
SIGMOID, SOFTMAX = "sigmoid", "softmax"
ACTIVATIONS = (SIGMOID, SOFTMAX)
#: Link from the students' logits to probabilities: a student per class, or one of all classes.
LINKS = (SIGMOID, SOFTMAX)
#: Kinds of outputs of a teacher.
OUTPUTS = ("logits", "probabilities")
#: Value that keeps the order of a teacher's outputs though the labels suggest another: of the key
#: ``teacher.order``, of arguments, and of a store's attribute.
AS_GIVEN = "as_given"

#: Warning of classes that may be one.
ALIKE_NAMES = "Classes that differ only in case"
#: Warning of photos in two splits that are nearly the same.
NEAR_DUPLICATES = "nearly equal photos across splits"
#: Warning of columns of scores whose sizes differ by far.
UNLIKE_SCALES = "columns of unlike scales"
#: Warning of columns in which a value may stand for what is missing.
MISSING_CODES = "codes for missing values?"
#: Warning of concepts that the encoder hardly separates.
TWINS = "concepts with nearly the same text vector"


def task_text(task: str, activation: str, outputs: int = 0, called: str = "image") -> str:
    """Return a text on task and teacher's activation, with its number of ``outputs`` unless 0; an
    image is ``called`` image, row or caption."""
    over = f" over {outputs} classes" if outputs else ""
    return f"{task} ({_TASK_WORDS[task]} {called}); the teacher ends in a {activation}{over}"

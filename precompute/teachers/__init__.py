"""Teachers: logits from a table, from a network in a file, or from heads that are trained here.

``teacher_logits`` is the stage; ``teacher_inputs`` returns its inputs. torch, timm, onnxruntime and
scikit-learn are imported when a teacher needs them.
"""

from precompute.teachers.head import check_labels
from precompute.teachers.loading import (
    batch_of,
    encoder_of,
    fetch_teacher,
    fit_rows,
    load_embedding,
    load_teacher,
    network_inputs,
    pass_keys,
    teacher_inputs,
)
from precompute.teachers.outputs import check_order, check_table, in_spec, resolved
from precompute.teachers.stage import check_finite, teacher_logits
from precompute.teachers.tables import left_out_text, read_logits
from precompute.teachers.teacher import stacked

__all__ = [
    "batch_of",
    "check_finite",
    "check_labels",
    "check_order",
    "check_table",
    "encoder_of",
    "fetch_teacher",
    "fit_rows",
    "in_spec",
    "left_out_text",
    "load_embedding",
    "load_teacher",
    "network_inputs",
    "pass_keys",
    "read_logits",
    "resolved",
    "stacked",
    "teacher_inputs",
    "teacher_logits",
]

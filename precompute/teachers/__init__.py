"""Teachers: logits from a table, from a network in a file, or from heads that are trained here.

The stage of a run is ``stage.teacher_logits``; ``loading.TeacherSource`` has its inputs.
torch, timm, onnxruntime and scikit-learn are imported when a teacher needs them.
"""

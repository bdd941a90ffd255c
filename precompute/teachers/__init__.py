"""Teachers: logits from a table, from a network in a file, or from heads that are trained here.

``stage.teacher_logits`` is the stage; ``loading.teacher_inputs`` returns its inputs. torch, timm,
onnxruntime and scikit-learn are imported when a teacher needs them.
"""

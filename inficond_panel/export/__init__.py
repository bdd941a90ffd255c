"""Export of the students of an iteration: npz, ONNX or JSON, with model card and edits file."""

from inficond_panel.export.exported import Exported
from inficond_panel.export.folder import EXPORT_AGAIN, FORMATS, differences, export, load_export

__all__ = ["EXPORT_AGAIN", "FORMATS", "Exported", "differences", "export", "load_export"]

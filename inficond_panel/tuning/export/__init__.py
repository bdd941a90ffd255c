"""Take the students of any node away: npz, ONNX or JSON, with model card and edits file."""

from inficond_panel.tuning.export.exported import Exported
from inficond_panel.tuning.export.exporting import FORMATS, export
from inficond_panel.tuning.export.loading import differences, load_export

__all__ = ["FORMATS", "Exported", "differences", "export", "load_export"]

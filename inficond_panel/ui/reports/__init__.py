"""Reports as one HTML file each, which loads nothing: templates, style sheet, figures."""

from pathlib import Path

STYLE = Path(__file__).resolve().with_name("report.css")

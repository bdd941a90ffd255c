"""Reports as one HTML file each, which loads nothing: templates, style sheet, figures."""

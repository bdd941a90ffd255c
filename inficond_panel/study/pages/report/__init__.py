"""Report of a study as one HTML file: its sections and charts."""

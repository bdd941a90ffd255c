"""Results: functions that return the pandas frames of the page, the commands and the Python API."""

"""Functions that compute results for the page, the commands and the Python API, as frames."""

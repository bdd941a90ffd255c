"""The page that runs a small network in a browser, and its server for one machine."""

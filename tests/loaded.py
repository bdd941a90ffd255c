"""Loads all that serving a page takes: imported once, by the process that servers are forked from.

Datashader compiles its loops when they first run, which takes as long as its import. What is loaded
stays: a server need not look through it whenever a page closes and its objects are collected.
"""

import gc

import datashader
import pandas as pd

import inficond_panel.app
import inficond_panel.commands.serve.server
import inficond_panel.commands.study.study_actions  # noqa: F401

datashader.Canvas(1, 1).points(pd.DataFrame({"x": [0.0], "y": [0.0]}), "x", "y")
gc.freeze()

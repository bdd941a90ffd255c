"""Knowledge of a network: the pixels that it keeps, the calibration of its outputs, and how well
these keep classes apart.
"""

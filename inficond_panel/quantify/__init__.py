"""Knowledge of a network: the pixels that its features keep, the calibration of its outputs, and
how well its outputs separate the classes.
"""

"""Knowledge of a network: pixels that its features keep, calibration of its outputs, and separation
of classes by its outputs.
"""

"""Analyses of an iteration: plain functions of a tuner and a node."""

"""Analysis of teacher and oracle outputs: calibration and separation."""

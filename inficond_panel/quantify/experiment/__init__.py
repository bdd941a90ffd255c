"""The experiment of the three hypotheses on knowledge distillation."""

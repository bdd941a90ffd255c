"""Studies with participants, set up by a YAML file: tasks, conditions, event log and report."""

"""Studies with people, set up by a YAML file: tasks, conditions, event log, report, replay."""

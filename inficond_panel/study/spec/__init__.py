"""The spec of a study: tasks, questions, pictures."""

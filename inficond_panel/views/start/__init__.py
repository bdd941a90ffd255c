"""Where to begin: the students that rely on the wrong thing, while no class is selected."""

"""Start view: students that rely on a wrong concept, shown while no class is selected."""

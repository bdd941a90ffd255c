"""Results of a study: timelines, measures and tables; histories are computed again (replay)."""

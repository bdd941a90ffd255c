"""Results of a study: timelines, measures, tables, replay of histories."""

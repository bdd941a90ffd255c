"""The teacher's network with a refitted last layer: repaired, measured and written."""

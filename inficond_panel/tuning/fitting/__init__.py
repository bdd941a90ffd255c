"""Students from data and bounds: the split that is fitted, the solver chosen, the refit."""

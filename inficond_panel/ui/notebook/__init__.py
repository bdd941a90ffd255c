"""A page or view in a notebook cell: live, as a widget, and as the still picture that is saved."""

"""Photos of a store: their pictures, galleries of them, and the dialog of one."""

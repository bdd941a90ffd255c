"""What a network knows: which pixels it keeps, how far its outputs can be believed, and how they
keep classes apart.
"""

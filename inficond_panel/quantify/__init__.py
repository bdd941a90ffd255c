"""What a network knows: how far its outputs can be believed, and how they keep classes apart."""

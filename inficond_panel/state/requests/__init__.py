"""Results that a session asks its worker for, off the event loop."""

"""A session saved as one HTML file that works without a server."""

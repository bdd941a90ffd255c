"""Windows of long lists: what is near the part in view, in the browser and from the server."""

"""Every route of the server."""

"""From HTTP requests to handlers and back; the file hosts; who may talk to this server at all."""

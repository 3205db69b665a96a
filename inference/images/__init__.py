"""Images in the worker: untrusted files -> upright RGB images -> thumbnails. Free of torch."""

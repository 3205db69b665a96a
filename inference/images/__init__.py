"""Pictures in the worker: from untrusted bytes to upright RGB, and to thumbnails. No torch."""

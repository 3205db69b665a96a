"""Jobs through Redis, and the worker that answers them."""

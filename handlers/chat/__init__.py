"""Chat about images: the history in Redis, the prompt made from it, and the answer's job."""

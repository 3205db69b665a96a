"""The worker process: it takes jobs from the queue, runs the models in batches, and replies."""

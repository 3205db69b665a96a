"""The job queue on Redis, the worker that runs the models, and the models."""

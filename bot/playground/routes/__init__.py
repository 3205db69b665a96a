"""The REST routes, a module for each of Discord's resources, and routes that only the pocket Discord has."""

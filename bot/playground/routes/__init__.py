"""The REST routes, a module for each kind of thing, and those that are not Discord's own."""

"""Request bodies of clients and applications, as pydantic models with Discord's limits."""

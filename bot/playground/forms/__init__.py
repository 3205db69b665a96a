"""What clients and applications send, as pydantic models with Discord's limits."""

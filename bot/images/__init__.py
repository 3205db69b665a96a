"""The pictures that requests are about: extracted from messages, looked up in channels, fetched."""

"""Parses OLLAMA_HOST. Free of Ollama's own library."""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

PORT: Final = 11434


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(given: str) -> Address:
    """Parse an OLLAMA_HOST as Ollama's own clients do; user, password and path are dropped.

    Raises:
        ValueError: It is malformed.
    """
    whole = given if "://" in given else f"ollama://{given}"
    parts = urlsplit(whole)
    ports = {"http": 80, "https": 443, "ollama": PORT}
    if parts.scheme not in ports:
        raise ValueError(f"{parts.scheme} is neither http nor https")
    return Address(parts.hostname or "127.0.0.1", parts.port or ports[parts.scheme])

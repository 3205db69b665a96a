"""Holds what is said to an Ollama, and what it answers, to Ollama's OpenAPI description."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DESCRIPTION = Path(__file__).resolve().parents[3] / "shared" / "specs" / "ollama-openapi.yaml"
"""Ollama's description (MIT), beside the project. It is not part of it."""
URI = "urn:ollama"
LEFT_OUT = {"ChatStreamEvent": "ChatResponse"}
"""The last line of a stream has the counts of a whole answer, which its own schema leaves out."""


@cache
def _registry() -> Registry[Any]:
    described = yaml.safe_load(DESCRIPTION.read_text())
    resource = Resource.from_contents(described, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(URI, resource)
    return registry


class Description:
    """Judges words, where the description is there.

    Attributes:
        found: What did not fit, a line for each.
        checked: How many words were judged.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.checked = 0

    def check(self, schema: str, word: object) -> None:
        """Judge one word: every field as described, and none that is not."""
        if not DESCRIPTION.is_file():
            return
        self.checked += 1
        validator = Draft202012Validator(
            {"$ref": f"{URI}#/components/schemas/{schema}"}, registry=_registry()
        )
        self.found += [
            f"{schema}{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(word)
        ]
        if isinstance(word, dict):
            strange = set(word) - self._fields(schema)
            self.found += [f"{schema}: {name} is not described" for name in sorted(strange)]
            for message in word.get("messages", ()):
                self.check("ChatMessage", message)

    def _fields(self, schema: str) -> set[str]:
        schemas = _registry()[URI].contents["components"]["schemas"]
        also = schemas.get(LEFT_OUT.get(schema, ""), {}).get("properties", {})
        return {*schemas[schema]["properties"], *also}

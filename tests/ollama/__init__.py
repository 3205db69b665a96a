"""A stand-in for Ollama, held to Ollama's own description."""

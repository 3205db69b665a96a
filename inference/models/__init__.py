"""The models as engines: BLIP, CLIP and LLaVA on transformers, and chat models in Ollama."""

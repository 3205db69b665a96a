"""The models: BLIP and CLIP through transformers."""

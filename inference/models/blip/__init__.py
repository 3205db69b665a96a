"""BLIP: captions, and answers to questions."""

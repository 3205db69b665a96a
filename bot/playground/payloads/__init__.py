"""Records as Discord's objects: what REST answers and the gateway sends.

The shapes are those of Discord's OpenAPI description; the tests hold them to it.
"""

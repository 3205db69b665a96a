"""Discord's JSON objects, built from records for one viewer.

The shapes are those of Discord's OpenAPI description, which the tests check.
"""

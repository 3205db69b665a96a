"""Fault injection and observers of traffic, for tests and for the page's inspector."""

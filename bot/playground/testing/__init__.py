"""Faults to order, and observers of each exchange: for tests and for the page's inspector."""

"""Child processes with limited time and memory, for work on untrusted data."""

"""Child processes limited in time and memory, for work on untrusted bytes."""

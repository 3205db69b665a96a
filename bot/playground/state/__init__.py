"""What the pocket Discord remembers: records, the world in memory, its SQLite store, permissions."""

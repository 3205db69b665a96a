"""State: records, the world in memory, its SQLite store, attachment files, permissions, snowflakes."""

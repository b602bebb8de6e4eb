"""Who must be told, and why. Knows `core.world`, and nothing of SQL or sockets."""

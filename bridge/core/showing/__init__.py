"""What boards show, and what people do at them. Knows `core.world`, and nothing of SQL or sockets."""

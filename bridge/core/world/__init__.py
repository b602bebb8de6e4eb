"""What is known: events, subjects, incidents, nodes. Everything in `core` may import it; it imports nothing of `core`."""

"""Opsview as a board: its names, its REST API, its own set-up. Knows no other receiver."""

"""Recordings and past hours through the line: what would have been told. Imported by the commands."""

"""SQL, and nobody else: what is kept, and how. Imported by `serve`, `rehearse` and the commands."""

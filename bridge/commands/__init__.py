"""The command, one file a subject; nobody imports it. A file begins with click and nothing heavy: `--help` loads them all."""

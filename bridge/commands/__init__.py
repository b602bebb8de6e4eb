"""One module per command. At the top of a module stands click and nothing heavy: `quorumbell --help` loads them all."""

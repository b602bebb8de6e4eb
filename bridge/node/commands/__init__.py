"""The node's command, `quorumbell-node`: a file for each part. Standard library and pyzmq; the relay imports nothing of it."""

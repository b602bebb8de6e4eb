"""What Pacemaker's words mean: nodes, fencing, quorum, resources. Imported by `rulebook`, `cluster`, `normalise` and `checkpoint`."""

"""What Pacemaker's words mean: nodes, fencing, quorum, resources. For `rulebook`, `cluster`, `normalise`, `checkpoint`."""

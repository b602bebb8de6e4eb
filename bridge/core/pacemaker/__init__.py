"""What Pacemaker's words mean: nodes, fencing, quorum, resources. Imported by `correlate` and `normalise`."""

"""What DRBD's words mean, and the story of each replica. Imported by `correlate`, `normalise` and `pacemaker`."""

"""What runs on a node: spool, the hooks' door, link to the bridge, DRBD's states. Of ours it imports `wire` and the version."""

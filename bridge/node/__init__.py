"""What runs on a node: spool, the hooks' door, link to the bridge, DRBD's states. Imports `wire` and the version, and nothing else of ours."""

"""The emergency centre: a process of its own, which reads the ledger and acts over the bridge's control socket."""

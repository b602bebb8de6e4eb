"""Quorumbell: events of Linux HA clusters, understood once and told to the right people."""

__version__ = "0.1.0"

"""Quorumbell: events of Linux HA clusters, understood once and told to the right people."""

__version__ = "0.2.0"

"""The running bridge: what lives only in its process. Imported by the commands."""

"""The centre's end of the wire: who may speak, and what is admitted. Imported by `serve`."""

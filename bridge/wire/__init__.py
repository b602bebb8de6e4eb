"""What both ends of the wire share: the body of a report, frames, keys, endpoints. Imports nothing of ours."""

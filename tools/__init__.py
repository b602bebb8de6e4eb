"""What makes documents; not in the wheel."""

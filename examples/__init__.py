"""What one can try out, and copy from."""

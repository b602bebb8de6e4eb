"""The mind: pure, without clock or I/O. Whoever needs a decision may import it; it imports nothing of ours."""

"""How long each guest and service was away, month by month: counted from events, drawn, and as a table for other programs."""

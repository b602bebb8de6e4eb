"""Who may do what on the page: who comes in and stays in, and what those do who may act."""

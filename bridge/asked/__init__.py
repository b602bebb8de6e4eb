"""What the running bridge and its ledger say, for whoever asks, and its shape as JSON. Commands and the page import it."""

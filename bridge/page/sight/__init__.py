"""The first sight: from what the ledger holds and the bridge says to what is drawn. Pure but for `view`."""

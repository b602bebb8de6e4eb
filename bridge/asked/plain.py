"""What reports say, made harmless."""


def plain(text: str) -> str:
    """One line without control characters: names come out of reports, which may hold anything."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)

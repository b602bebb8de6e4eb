"""What a mark in a timeline can mean: a shape (in 14 x 14 around 0,0) and a tone each, so that nobody needs the colour."""

from typing import Final, NamedTuple


class Sort(NamedTuple):
    """`tone` is bad, good, work or quiet; the word is `mark_NAME`. `ends` names the sort that ends what this one begins."""

    tone: str
    shape: str
    ends: str = ""


SORTS: Final[dict[str, Sort]] = {
    "lost": Sort("bad", "M-6-6L6 6M6-6L-6 6", ends="back"),
    "back": Sort("good", "M-6 0L-2 5L6-5"),
    "fenced": Sort("work", "M1-7L-5 1H-1L-2 7L5-2H1Z"),
    "fencing-failed": Sort("bad", "M-7 7H7L0-7ZM0-3V3M0 5V5.5"),
    "failed": Sort("bad", "M0-7L7 0L0 7L-7 0Z"),
    "started": Sort("good", "M-5-6L6 0L-5 6Z"),
    "stopped": Sort("quiet", "M-5-5H5V5H-5Z"),
    "promoted": Sort("good", "M-6 5L0-6L6 5Z"),
    "demoted": Sort("quiet", "M-6-5L0 6L6-5Z"),
    "moved": Sort("work", "M-6-5L-1 0L-6 5M1-5L6 0L1 5"),
    "disconnected": Sort("bad", "M-7 0H-3M3 0H7M-3-5V5M3-5V5", ends="connected"),
    "connected": Sort("good", "M-7 0H7M-3-5V5M3-5V5"),
    "resync": Sort("work", "M-5-6H5L-5 6H5Z", ends="in-sync"),
    "in-sync": Sort("good", "M-6-3H6M-6 3H6"),
    "split": Sort("bad", "M0 7V0M0 0L-6-7M0 0L6-7"),
    "silent": Sort("bad", "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0 -6 0M-4 4L4-4", ends="heard"),
    "heard": Sort("good", "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0 -6 0M-2 0L0 2L3-3"),
    "attribute": Sort("quiet", "M-3-6H-6V6H-3M3-6H6V6H3"),
    "seen": Sort("quiet", "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0"),
    "person": Sort("work", "M-3-4A3 3 0 1 0 3-4A3 3 0 1 0 -3-4M-6 7C-6 0 6 0 6 7Z"),
    "rung": Sort("work", "M-6 4H6L4 1V-2A4 4 0 0 0 -4-2V1ZM-2 6H2"),
    "not-rung": Sort("bad", "M-6 4H6L4 1V-2A4 4 0 0 0 -4-2V1ZM-7 7L7-7"),
}

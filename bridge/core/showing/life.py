"""The life of one of a board's objects, as a table: from owed over taken to true, or refused."""

from enum import StrEnum
from typing import Final


class Life(StrEnum):
    OWED = "owed"  # the board has not taken what it should show
    TAKEN = "taken"  # taken, and not yet seen there
    TRUE = "true"  # seen there
    FALSE = "false"  # it shows something else than it took, and is told again
    REFUSED = "refused"  # it knows no such object, or does not take this: a person must look


class Step(StrEnum):
    CHANGE = "change"  # it should show something new
    TAKE = "take"  # the board took it
    FAIL = "fail"  # the board could not, just now
    REFUSE = "refuse"
    SEE = "see"  # reading back showed it
    DIFFER = "differ"  # reading back showed something else
    LACK = "lack"  # reading back, there was no such object
    FIND = "find"  # an object that was not there is there


LIFE: Final[dict[tuple[Life, Step], Life]] = {
    **{(life, Step.CHANGE): Life.OWED for life in (Life.OWED, Life.TAKEN, Life.TRUE, Life.FALSE)},
    # What the board does not know it will not know sooner for a change.
    (Life.REFUSED, Step.CHANGE): Life.REFUSED,
    **{(life, Step.TAKE): Life.TAKEN for life in (Life.OWED, Life.TAKEN, Life.FALSE, Life.REFUSED)},
    # A refresh that was taken is no news: it showed it, and does.
    (Life.TRUE, Step.TAKE): Life.TRUE,
    **{(life, Step.FAIL): life for life in Life},
    **{(life, Step.REFUSE): Life.REFUSED for life in Life},
    **{(life, Step.SEE): Life.TRUE for life in (Life.TAKEN, Life.TRUE, Life.FALSE)},
    **{(life, Step.DIFFER): Life.FALSE for life in (Life.TAKEN, Life.TRUE, Life.FALSE)},
    **{(life, Step.LACK): Life.REFUSED for life in Life},
    (Life.REFUSED, Step.FIND): Life.OWED,
}


def advance(life: Life, step: Step) -> Life:
    """A pair that is not in the table is a mistake of ours and raises."""
    try:
        return LIFE[life, step]
    except KeyError:
        raise ValueError(f"an object that is {life} cannot {step}") from None

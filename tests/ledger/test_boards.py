"""How it is with a board, written down and read."""

from datetime import UTC, datetime

from msgspec.structs import replace

from bridge.core.showing.board import Standing
from bridge.ledger.ledger import BoardRow, Commit

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def test_the_last_word_about_each_board_is_kept(ledger):
    standing = Standing(objects=3, owed=1, owed_since=NOW, untrue=(("n1", "DRBD: r0", "refused", "there is no such service"),))
    ledger.commit(Commit(now=NOW, boards=[BoardRow(receiver=name, at=NOW, standing=standing) for name in ("noc", "other")]))
    later = replace(standing, owed=0, owed_since=None, taken_at=NOW)
    ledger.commit(Commit(now=NOW, boards=[BoardRow(receiver="noc", at=NOW, standing=later)]))
    assert [(row.receiver, row.standing) for row in ledger.boards()] == [("noc", later), ("other", standing)]
    with ledger.rebuild():
        pass
    assert len(ledger.boards()) == 2, "a replay does not touch what boards show"

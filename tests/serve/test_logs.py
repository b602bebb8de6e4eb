"""What stands in the log is text, whatever a report named itself."""

import io
import logging

import pytest

from bridge.serve.logs import set_up_logs


@pytest.fixture
def lines():
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    set_up_logs(to=stream)
    yield stream.getvalue
    root.handlers[:] = before
    root.setLevel(level)


def test_nothing_in_a_name_moves_the_cursor(lines):
    logging.getLogger("quorumbell.bridge").info("incident %s: %s", "db\x1b[2J\x9b31m\u202e\u2028", "größer")
    (line,) = lines().splitlines()
    assert line.isprintable()
    assert "größer" in line
    assert "db\\x1b[2J" in line


def test_a_trace_keeps_its_lines(lines):
    with pytest.raises(ValueError, match="invalid literal") as met:
        int("\x1b[2J")
    logging.getLogger("quorumbell.bridge").error("set aside: %s", "\x1b[2J", exc_info=met.value)
    assert "Traceback (most recent call last)" in lines()
    assert "\x1b" not in lines()

"""What a relay says to its system and to people: the service manager, the log, why a line did not come to be."""

import logging
import socket
from types import SimpleNamespace

import pytest
import zmq

from bridge.node import configuration
from bridge.node.crm_mon import OFF, Onlooker, Picture
from bridge.node.dealer import KEPT_OUT, Dealer
from bridge.node.drbd_states import RESTART_SLOWEST, Follower
from bridge.node.loops import TURNS, Loops
from bridge.node.process import Prefixed, tell_systemd
from bridge.wire.body import Moment
from tests.node.test_small import element
from tests.waiting import eventually

NOW = Moment("b007", 5_000_000_000, 1_700_000_000_000_000_000)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_hears_each_word(node, monkeypatch, kind):
    address = f"{node.base}/notify" if kind == "path" else f"@{node.base}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(address.replace("@", "\0", 1))
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        for words in (b"READY=1", b"STATUS=well"):
            tell_systemd(words)
            assert manager.recv(100) == words


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_a_service_manager_that_is_not_there_is_no_trouble(monkeypatch, address):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    tell_systemd(b"READY=1")


def test_the_log_is_words_on_a_terminal_and_numbers_in_the_journal(monkeypatch):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    levels = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL

    def said():
        return [Prefixed("%(message)s").format(logging.LogRecord("", level, "", 0, "x", (), None)) for level in levels]

    assert said()[:4] == ["debug: x", "info: x", "warning: x", "error: x"]
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert said() == ["<7>x", "<6>x", "<4>x", "<3>x", "<6>x"]


@pytest.mark.parametrize(
    "happened, words",
    [
        (int(zmq.EVENT_HANDSHAKE_FAILED_AUTH), "the bridge at tcp://h:1 does not know this node's key PUBLIC: "),
        (KEPT_OUT, "the bridge at tcp://h:1 keeps this node out for a while"),
    ],
)
def test_a_handshake_that_failed_is_told_with_what_the_bridge_has_to_be_given(happened, words):
    keys = SimpleNamespace(public=b"PUBLIC", secret=b"SECRET")
    with zmq.Context() as context:
        dealer = Dealer(SimpleNamespace(keys=keys, bridge_key=b"x"), context, zmq.Poller())
        assert dealer.why(happened, "tcp://h:1").startswith(words)
        plain = Dealer(SimpleNamespace(keys=None, bridge_key=None), context, zmq.Poller())
        assert "one side with keys, one without?" in plain.why(happened, "tcp://h:1")


def test_how_old_the_last_look_is():
    onlooker = Onlooker(OFF)
    assert onlooker.age_ms(NOW) == 0
    onlooker.picture = Picture({}, NOW)
    assert onlooker.age_ms(NOW) == 1, "0 would say that nobody looks"
    assert onlooker.age_ms(NOW._replace(boot_ns=NOW.boot_ns + 2_500_000_000)) == 2500


def test_what_a_ticket_holds_is_told_for_each_of_its_resources():
    known = configuration.reduced(
        element(
            '<configuration><resources/><constraints><rsc_ticket id="t1" rsc="a" ticket="east" loss-policy="fence"/>'
            '<rsc_ticket id="t2" ticket="west"><resource_set id="s"><resource_ref id="b"/><resource_ref id="c"/></resource_set>'
            "</rsc_ticket></constraints></configuration>"
        )
    )
    assert known.says["ticketed"] == [
        {"id": "t1", "resource": "a", "ticket": "east", "loss_policy": "fence"},
        {"id": "t2", "resource": "b", "ticket": "west"},
        {"id": "t2", "resource": "c", "ticket": "west"},
    ]


def test_what_went_round_in_a_loop_and_was_forgotten_is_told_as_new():
    loops = Loops()
    loops.forget(("r0",))
    passed = [loops.passes(("r0",), number % 2, 0.1 * number) for number in range(TURNS + 1)]
    assert passed == [True] * TURNS + [False]
    loops.forget(("r0",))
    assert loops.passes(("r0",), 0, 1.0)


def test_a_drbdsetup_that_prints_colours_is_asked_again_only_after_a_while(tmp_path):
    program = tmp_path / "drbdsetup"
    program.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\nprintf '\\033[1mexists -\\n'\nexec sleep 60\n")
    program.chmod(0o755)
    follower = Follower(str(program), str(tmp_path))
    told = eventually(lambda: follower.on_tick(100.0, NOW) + follower.on_readable(100.0, NOW))
    try:
        assert b"colours or differences" in told[0][1]
        assert follower.on_tick(100.0 + RESTART_SLOWEST - 1, NOW) == []
        assert follower.fileno() == -1
        follower.on_tick(100.0 + RESTART_SLOWEST, NOW)
        assert follower.fileno() >= 0
    finally:
        follower.close()

"""Only what stands in front of a halt waits for the bridge, and not for long."""

import pytest

from tests.handlers.conftest import HANDLER

HALTS = ["local-io-error", "pri-lost", "pri-lost-after-sb", "pri-on-incon-degr"]
OTHERS = ["split-brain", "fence-peer", "after-resync-target", "quorum-lost", "disconnected", "out-of-sync"]
SAFE_S = 1.0
QUICK_S = 0.7


def seconds(node, name):
    ran = node.run({"DRBD_RESOURCE": "r0"}, argv=[str(HANDLER), name])
    assert ran.code == 0
    return ran.seconds


@pytest.mark.parametrize("name", HALTS)
def test_a_relay_without_the_bridges_word_holds_a_halt_for_a_second(node, open_relay, name):
    open_relay(answers=False)

    assert SAFE_S <= seconds(node, name) < SAFE_S + QUICK_S


@pytest.mark.parametrize("name", HALTS)
def test_the_bridges_word_lets_it_go_at_once(node, open_relay, name):
    open_relay()

    assert seconds(node, name) < QUICK_S


@pytest.mark.parametrize("name", OTHERS)
def test_all_others_go_when_the_disk_has_it(node, open_relay, name):
    open_relay(answers=False)

    assert seconds(node, name) < QUICK_S
    assert len(node.files()) == 1


def test_no_relay_at_all_holds_a_halt_no_longer(node):
    assert seconds(node, "pri-lost") < SAFE_S + QUICK_S


def test_a_disk_that_hangs_while_the_bridge_has_it(node, open_relay, sick_disk):
    """The disk that just failed may be the one with the spool."""
    open_relay()

    ran = node.run({"LD_PRELOAD": str(sick_disk), "DISK": "hangs"}, argv=[str(HANDLER), "local-io-error"])

    assert ran.code == 0
    assert ran.seconds < QUICK_S

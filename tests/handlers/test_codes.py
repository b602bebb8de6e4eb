"""The exit code is an answer to DRBD: never ours where it means something, whatever happens to us."""

import pytest

from tests.handlers.conftest import HANDLER
from tests.handlers.kernel import HANDLERS

BUDGET_S = 2.0
SLACK_S = 1.5


@pytest.fixture
def broken(node):
    """Nothing can be kept, nobody listens."""
    node.without("spool")
    node.without("run/spool2")
    return node


@pytest.mark.parametrize("code", [0, 1, 3, 4, 5, 6, 7, 20, 127, 255])
def test_fence_peer_keeps_the_code_of_the_real_one(node, make_kernel, code):
    kernel = make_kernel({"fence-peer": f"(exit {code}); %s fence-peer $?"})

    assert kernel.call("fence-peer") == code
    assert node.only()["rc"] == str(code)


def test_fence_peer_keeps_it_when_nothing_else_works(broken, make_kernel):
    assert make_kernel({"fence-peer": "(exit 4); %s fence-peer $?"}).call("fence-peer") == 4


@pytest.mark.parametrize("word", ["", "seven", "-1", "256", "263", "7x"])
def test_fence_peer_answers_nothing_without_a_code(node, word):
    """259 would become 3, an answer: what is no exit code is none."""
    ran = node.run({"DRBD_RESOURCE": "r0"}, argv=[str(HANDLER), "fence-peer", *word.split()])

    assert ran.code == 0
    assert "rc" not in node.only()


@pytest.mark.parametrize("name", ["before-resync-source", "before-resync-target"])
def test_a_resync_is_never_refused(broken, make_kernel, name):
    assert make_kernel({name: f"%s {name}"}).call(name) == 0


@pytest.mark.parametrize("name", ["split-brain", "local-io-error", "after-resync-target"])
def test_what_is_not_kept_is_said_within_the_budget(broken, name):
    ran = broken.run({"DRBD_RESOURCE": "r0"}, argv=[str(HANDLER), name])

    assert ran.code == 75
    assert (ran.stdout, ran.stderr) == ("", ""), "a handler never prints"
    assert BUDGET_S <= ran.seconds < BUDGET_S + SLACK_S


def test_a_code_handed_to_another_handler_is_told_and_not_kept(node, make_kernel):
    kernel = make_kernel({"split-brain": "(exit 9); %s split-brain $?"})

    assert kernel.call("split-brain") == 0
    assert node.only()["rc"] == "9"


def test_a_name_that_does_not_exist_is_told_too(node):
    """A typing error in the configuration is for the bridge to show."""
    assert node.run({}, argv=[str(HANDLER), "spilt-brain"]).code == 0
    assert node.only()["handler"] == "spilt-brain"


def test_no_name_at_all(node):
    assert node.run({}, argv=[str(HANDLER)]).code == 0
    assert node.only()["handler"] == ""


@pytest.mark.parametrize(
    "name, command, code",
    [
        ("before-resync-target", "/no/quorumbell-drbd before-resync-target || true", 0),
        ("before-resync-target", "/no/quorumbell-drbd before-resync-target; (exit 3)", 3),
        ("before-resync-target", "/no/quorumbell-drbd before-resync-target", 127),
        ("fence-peer", "(exit 7); rc=$?; /no/quorumbell-drbd fence-peer $rc; exit $rc", 7),
        ("fence-peer", "(exit 7); /no/quorumbell-drbd fence-peer $?", 127),
        ("split-brain", "/no/quorumbell-drbd split-brain; (exit 5)", 5),
    ],
)
def test_a_removed_package(make_kernel, name, command, code):
    """Why the chains are as `setup drbd` makes them: the others refuse a resync, or freeze the resource."""
    assert make_kernel({name: command}).call(name) == code


def test_every_name_ends_in_nothing_but_what_it_may(node, make_kernel, generation):
    kernel = make_kernel({name: f"%s {name}" for name in HANDLERS[generation]})

    assert {name: kernel.call(name) for name in HANDLERS[generation]} == dict.fromkeys(HANDLERS[generation], 0)

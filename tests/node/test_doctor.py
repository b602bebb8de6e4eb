"""quorumbell-node doctor: each thing that can be wrong, provoked, with its cure; nothing else is called wrong."""

import json
import os
import socket
import subprocess
from argparse import Namespace
from types import SimpleNamespace

import pytest

from bridge.node.commands import doctor
from bridge.node.commands.common import Trouble, Unknown
from bridge.wire import codec
from bridge.wire.keys import make_bridge_keys, make_node_keys


class Node:
    def __init__(self, home, monkeypatch):
        self.home, self._patch = home, monkeypatch
        self.hook = home / "quorumbell-alert"
        self.hook.write_text("#!/bin/sh\n")
        self.hook.chmod(0o755)
        make_bridge_keys(str(home / "keys"))
        make_node_keys(str(home / "keys"))
        self.config = home / "relay.conf"
        keys = f"key = {home}/keys/node.secret\nbridge_key = {home}/keys/bridge.public\n"
        self.config.write_text(f"base = {home}\nbridge = tcp://192.0.2.1:7710\n{keys}")
        for box in ("pcmk", "root"):
            (home / "spool" / box / "new").mkdir(parents=True)
        (home / "run").mkdir()
        self.box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.box.bind(str(home / "run/hook.sock"))
        self.bridge_says(codec.Joined("ha1", "n1"))
        self.people(quorumbell=True, member=True)
        monkeypatch.setattr(doctor, "installed", lambda _: None)

    def bridge_says(self, answer):
        def ask(*_):
            if isinstance(answer, Exception):
                raise answer
            return answer

        self._patch.setattr(doctor, "ask", ask)

    def people(self, *, quorumbell, member):
        users = {"hacluster": SimpleNamespace(pw_uid=108, pw_gid=113)} | (
            {"quorumbell": SimpleNamespace(pw_uid=871, pw_gid=871)} if quorumbell else {}
        )
        self._patch.setattr(doctor.pwd, "getpwnam", users.__getitem__)
        group = SimpleNamespace(gr_name="haclient", gr_gid=113, gr_mem=["quorumbell"] if member else [])
        self._patch.setattr(doctor.grp, "getgrgid", lambda _: group)

    def wrong(self):
        """(what, why, cure) of what is wrong."""
        words = Namespace(config=str(self.config), hook=str(self.hook), trial=False, json=False)
        return [tuple(one) for one in doctor.look(words) if one.why]


@pytest.fixture
def node(tmp_path, monkeypatch):
    one = Node(tmp_path, monkeypatch)
    yield one
    one.box.close()


def only(node):
    (found,) = node.wrong()
    return found


def test_a_node_that_is_well_has_nothing_wrong(node, capsys):
    assert node.wrong() == []
    words = Namespace(config=str(node.config), hook=str(node.hook), trial=False, json=True)
    assert doctor.run(words) == 0
    assert {one["why"] for one in json.loads(capsys.readouterr().out)} == {""}


def test_settings_with_a_mistake(node):
    node.config.write_text("bridge = nowhere\n")
    what, why, _ = only(node)
    assert (what, "relay.conf:1" in why) == ("relay.conf", True)
    assert doctor.run(Namespace(config=str(node.config), hook="", trial=False, json=False)) == 2


def test_no_user_for_the_relay(node):
    node.people(quorumbell=False, member=False)
    assert only(node)[0] == "user"


def test_the_relay_s_user_is_not_in_pacemaker_s_group(node):
    node.people(quorumbell=True, member=False)
    assert "usermod -aG haclient quorumbell" in only(node)[2]


@pytest.mark.parametrize("mode, cure", [(None, "install -D"), (0o700, "chmod 755")])
def test_a_hook_that_is_missing_or_not_executable(node, mode, cure):
    node.hook.unlink() if mode is None else node.hook.chmod(mode)
    what, _, how = only(node)
    assert (what, cure in how) == ("hook", True)


def test_a_relay_that_does_not_run(node):
    node.box.close()
    assert (only(node)[0], "systemctl start" in only(node)[2]) == ("relay", True)


def test_folders_that_are_missing(node):
    os.rmdir(node.home / "spool/pcmk/new")
    assert "systemd-tmpfiles --create" in only(node)[2]


def test_reports_that_wait_and_a_disk_that_is_full(node, monkeypatch):
    monkeypatch.setattr(doctor, "MOST_WAITING", 1)
    for number in range(2):
        (node.home / f"spool/pcmk/new/{number}").touch()
    assert only(node)[1].startswith("2 reports wait")
    monkeypatch.setattr(doctor, "LEAST_FREE", 1 << 60)
    assert [why for _, why, _ in node.wrong()][1].startswith("its disk has only")


@pytest.mark.parametrize(
    "answer, words",
    [
        (Unknown(), "join-token --again"),
        (Trouble("tcp://192.0.2.1:7710: nothing answers"), "look at the network"),
        (codec.NotNow("standby"), "quorumbell status"),
    ],
)
def test_a_bridge_that_is_not_reached_or_does_not_know_us(node, answer, words):
    node.bridge_says(answer)
    assert (only(node)[0], words in only(node)[2]) == ("bridge", True)


@pytest.mark.parametrize(
    "answer, words", [("change", "quorumbell-node setup --apply"), (Trouble("no cluster"), "start the cluster")]
)
def test_an_alert_that_is_missing_and_a_cluster_that_does_not_answer(node, monkeypatch, answer, words):
    def missing(*_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(doctor, "installed", lambda program: f"/usr/sbin/{program}" if program == "cibadmin" else None)
    monkeypatch.setattr(doctor.setup, "missing", missing)
    assert (only(node)[0], words in only(node)[2]) == ("alert", True)


@pytest.mark.parametrize("code, wrong", [(0, []), (4, ["crm_mon"])])
def test_crm_mon_that_the_relay_may_not_ask(node, monkeypatch, code, wrong):
    monkeypatch.setattr(doctor, "installed", lambda program: f"/usr/sbin/{program}")
    monkeypatch.setattr(doctor.setup, "missing", lambda *_: None)
    monkeypatch.setattr(doctor.os, "geteuid", lambda: 0)
    done = subprocess.CompletedProcess([], code, stdout="", stderr="Insufficient privileges")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: done)
    assert [what for what, _, _ in node.wrong()] == wrong


def test_a_trial_that_does_not_arrive(node, monkeypatch):
    def send(*_, **__):
        raise Trouble("waits")

    words = Namespace(config=str(node.config), hook=str(node.hook), trial=True, json=False)
    monkeypatch.setattr(doctor.trial, "send", send)
    assert [one.what for one in doctor.look(words) if one.why] == ["trial"]

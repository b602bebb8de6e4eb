"""quorumbell-node doctor: each thing that can be wrong, provoked, with its cure; nothing else is called wrong."""

import json
import os
import socket
import subprocess
from argparse import Namespace
from types import SimpleNamespace

import pytest

from bridge.node.cli import main
from bridge.node.commands import doctor
from bridge.node.commands.common import Trouble, Unknown
from bridge.wire import codec
from bridge.wire.keys import make_bridge_keys, make_node_keys
from tests.covering import covers


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
        self.folders = [home / "spool" / box / part for box in ("pcmk", "root") for part in ("tmp", "new")]
        for folder in self.folders:
            folder.mkdir(parents=True)
            folder.chmod(0o777)
        (home / "run").mkdir()
        self.box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.box.bind(str(home / "run/hook.sock"))
        self.door = home / "run/hook.sock"
        self.door.chmod(0o666)
        self.bridge_says(codec.Joined("ha1", "n1"))
        self.people(quorumbell=True, member=True)
        monkeypatch.setattr(doctor, "installed", lambda _: None)

    def bridge_says(self, answer):
        def ask(*_):
            if isinstance(answer, Exception):
                raise answer
            return answer

        self._patch.setattr(doctor, "ask", ask)

    def people(self, *, quorumbell, member, pacemaker=True):
        users = {"hacluster": SimpleNamespace(pw_uid=108, pw_gid=113)} if pacemaker else {}
        users |= {"quorumbell": SimpleNamespace(pw_uid=871, pw_gid=871)} if quorumbell else {}
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


def test_a_person_reads_each_thing_with_its_cure(node, capsys):
    node.hook.chmod(0o700)
    assert main(["doctor", "--config", str(node.config), "--hook", str(node.hook)]) == 2
    said = capsys.readouterr().out.splitlines()
    assert f"WRONG    hook: {node.hook} may not be executed by everybody; chmod 755 {node.hook}" in said
    assert [line for line in said if not line.startswith(("ok ", "WRONG "))] == []


def test_a_bridge_on_this_machine_is_spoken_with_in_plain_text(node):
    node.config.write_text(f"base = {node.home}\nbridge = tcp://127.0.0.1:7710\n")
    node.bridge_says(AssertionError("is not asked"))
    assert node.wrong() == []


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


def test_where_no_pacemaker_is_its_user_is_not_missed(node):
    """DRBD alone."""
    node.people(quorumbell=True, member=False, pacemaker=False)
    node.door.chmod(0o600)
    assert node.wrong() == []


def test_a_hook_without_its_interpreter(node, monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert only(node) == ("hook", "it is run by /usr/bin/python3, which is not there", "install python3")


@pytest.mark.parametrize("mode, cure", [(None, "install -D"), (0o700, "chmod 755")])
def test_a_hook_that_is_missing_or_not_executable(node, mode, cure):
    node.hook.unlink() if mode is None else node.hook.chmod(mode)
    what, _, how = only(node)
    assert (what, cure in how) == ("hook", True)


def test_a_relay_that_does_not_run(node):
    node.box.close()
    assert (only(node)[0], "systemctl start" in only(node)[2]) == ("relay", True)


def test_a_socket_that_pacemaker_s_user_may_not_send_to(node):
    node.door.chmod(0o660)
    what, why, cure = only(node)
    assert (what, why) == ("relay", f"hacluster may not send to {node.door}")
    assert cure.startswith("systemctl restart quorumbell-relay")


def test_folders_that_are_missing(node):
    os.rmdir(node.home / "spool/pcmk/new")
    assert "systemd-tmpfiles --create" in only(node)[2]


@pytest.mark.parametrize("place, who", [("pcmk/tmp", ["hacluster", "quorumbell"]), ("root/new", ["quorumbell"])])
def test_folders_that_hook_or_relay_may_not_write_into(node, place, who):
    folder = node.home / "spool" / place
    folder.chmod(0o770)
    assert [(what, why) for what, why, _ in node.wrong()] == [("spool", f"{name} may not write into {folder}") for name in who]
    folder.rmdir() if place == "pcmk/tmp" else folder.chmod(0o776)
    assert len(node.wrong()) == len(who), "a folder that cannot be entered cannot be written into"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give folders away")
def test_folders_as_the_package_makes_them(node):
    node.door.chmod(0o660)
    os.chown(node.door, 871, 113)
    for folder in node.folders:
        os.chown(folder, 108 if folder.parent.name == "pcmk" else 0, 871)
        folder.chmod(0o2770)
    assert node.wrong() == []


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
    answers(monkeypatch, subprocess.CompletedProcess([], code, stdout="", stderr="Insufficient privileges"))
    assert [what for what, _, _ in node.wrong()] == wrong


def answers(monkeypatch, answer):
    def run(words, **how):
        assert (how["user"], how["group"], how["extra_groups"]) == (871, 871, [113])
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(doctor, "installed", lambda program: f"/usr/sbin/{program}")
    monkeypatch.setattr(doctor.setup, "missing", lambda *_: None)
    monkeypatch.setattr(doctor.os, "geteuid", lambda: 0)
    monkeypatch.setattr(doctor.subprocess, "run", run)


def test_crm_mon_that_hangs(node, monkeypatch):
    answers(monkeypatch, subprocess.TimeoutExpired(["crm_mon"], 20))
    assert (only(node)[0], only(node)[2]) == ("crm_mon", "is Pacemaker stuck on this node?")


def test_crm_mon_is_not_asked_by_a_user_who_is_not_there(node, monkeypatch):
    answers(monkeypatch, AssertionError("is not asked"))
    node.people(quorumbell=False, member=False)
    assert only(node)[0] == "user"


def test_a_trial_that_arrives(node, monkeypatch):
    words = Namespace(config=str(node.config), hook=str(node.hook), trial=True, json=False)
    monkeypatch.setattr(doctor.trial, "send", lambda *_: None)
    assert [one for one in doctor.look(words) if one.why] == []


def test_a_trial_that_does_not_arrive(node, monkeypatch):
    def send(*_, **__):
        raise Trouble("waits")

    words = Namespace(config=str(node.config), hook=str(node.hook), trial=True, json=False)
    monkeypatch.setattr(doctor.trial, "send", send)
    assert [one.what for one in doctor.look(words) if one.why] == ["trial"]


def test_each_finding_has_a_test_here(tmp_path):
    covers(doctor, __file__, tmp_path)

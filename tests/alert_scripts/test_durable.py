"""Exit 0 means that the event is durable, whatever is broken; 75 that nobody knows; and it never takes long."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[2] / "alert_scripts" / "quorumbell-alert"
EVENT = {"CRM_alert_kind": "node", "CRM_alert_node": "n3", "CRM_alert_desc": "lost"}
BUDGET_S = 3.0
SLACK_S = 1.5  # for a busy machine
NO_USER = 64001  # needs no name: a spool's owner is a number
NO_GROUP = 64002


def test_the_file_is_readable_by_the_relays_group_only_whatever_the_umask(node, python):
    node.run(EVENT, python=python, umask=0o077)
    node.run(EVENT, python=python, umask=0)

    assert [path.stat().st_mode & 0o777 for path in node.files()] == [0o640, 0o640]
    assert node.drafts() == []


def test_it_is_published_then_flushed_then_its_folder(node, python, sick_disk, tmp_path):
    """Without the second flush a power cut takes the name, without the first the content."""
    log = tmp_path / "log"

    node.run({**EVENT, "LD_PRELOAD": str(sick_disk), "DISK_LOG": str(log)}, python=python)

    assert log.read_text().splitlines() == ["rename", "fsync file", "fsync folder"]


def test_the_relay_has_the_whole_event_and_so_has_the_disk(node, python, open_relay):
    relay = open_relay(answers=False)

    assert node.run(EVENT, python=python).code == 0
    relay.close()

    assert relay.heard == [path.read_bytes() for path in node.files()]


def test_a_relay_that_never_answers_holds_nobody_once_the_disk_has_it(node, python, open_relay):
    open_relay(answers=False)

    assert node.run(EVENT, python=python).seconds < BUDGET_S / 2


def test_closed_standard_files_and_an_unwritable_folder(node, python, open_relay):
    """Nothing that the hook opens may become standard output, or be replaced when the child lets go of it."""
    open_relay(answers=False)  # the bridge's word would let it go before the disk has it
    closed = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(python), "-IS", str(HOOK)]

    assert node.run(EVENT, argv=closed, cwd="/proc").code == 0
    assert node.only()["CRM_alert_desc"] == "lost"


def test_closed_standard_files_when_there_is_something_to_complain_about(node, python):
    node.without("spool")
    closed = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(python), "-IS", str(HOOK)]

    assert node.run(EVENT, argv=closed).code == 0
    assert node.only("run/spool2")["CRM_alert_desc"] == "lost"


def test_no_spool_the_second_takes_it_and_the_cure_is_named(node, python):
    node.without("spool")

    ran = node.run(EVENT, python=python)

    assert ran.code == 0
    assert ran.seconds < BUDGET_S / 2, "without a relay there is nothing to wait for"
    assert node.only("run/spool2")["CRM_alert_desc"] == "lost"
    place = f"{node.base}/spool/{node.writer}"
    assert f"kept until the next reboot only: {place}: No such file or directory; no word from the relay" in ran.stderr


def test_only_the_second_spool_but_the_bridge_has_it_is_no_complaint(node, python, open_relay):
    node.without("spool")
    open_relay()

    ran = node.run(EVENT, python=python)

    assert (ran.code, ran.stderr) == (0, "")


def test_only_the_second_spool_is_worth_waiting_for_the_bridge(node, open_relay):
    node.without("spool")
    open_relay(answers=False)

    ran = node.run(EVENT)

    assert ran.code == 0
    assert BUDGET_S <= ran.seconds < BUDGET_S + SLACK_S
    assert "kept until the next reboot only" in ran.stderr


def test_no_spool_at_all_but_the_bridge_has_it(node, python, open_relay):
    node.without("spool")
    node.without("run/spool2")
    relay = open_relay()

    ran = node.run(EVENT, python=python)

    assert (ran.code, ran.stderr) == (0, "")
    assert ran.seconds < BUDGET_S / 2
    assert json.loads(relay.heard[0])["CRM_alert_node"] == "n3"


def test_no_spool_and_no_relay_is_said_within_the_budget(node):
    shutil.rmtree(node.base)

    ran = node.run(EVENT)
    node.base.mkdir()

    assert ran.code == 75
    assert BUDGET_S <= ran.seconds < BUDGET_S + SLACK_S
    assert f"NOT KEPT: {node.base}/spool/{node.writer}: No such file or directory" in ran.stderr
    assert f"no word from the relay at {node.base}/run/hook.sock" in ran.stderr


def test_no_spool_and_a_relay_that_never_answers(node, open_relay):
    node.without("spool")
    node.without("run/spool2")
    open_relay(answers=False)

    ran = node.run(EVENT)

    assert ran.code == 75
    assert ran.seconds < BUDGET_S + SLACK_S


def test_a_relay_that_comes_back_within_the_budget_is_told(node, open_relay):
    node.without("spool")
    node.without("run/spool2")
    later = threading.Timer(0.7, open_relay)
    later.start()

    ran = node.run(EVENT)
    later.join()

    assert ran.code == 0
    assert 0.5 < ran.seconds < BUDGET_S


def test_a_flush_that_hangs_for_ever_while_the_bridge_has_it(node, python, sick_disk, open_relay):
    """What hangs keeps no pipe open either: Pacemaker would wait for it."""
    open_relay()

    ran = node.run({**EVENT, "LD_PRELOAD": str(sick_disk), "DISK": "hangs"}, python=python)

    assert (ran.code, ran.stderr) == (0, "")
    assert ran.seconds < BUDGET_S / 2


def test_a_flush_that_hangs_for_ever_without_a_relay(node, sick_disk):
    ran = node.run({**EVENT, "LD_PRELOAD": str(sick_disk), "DISK": "hangs"})

    assert ran.code == 75
    assert BUDGET_S <= ran.seconds < BUDGET_S + SLACK_S
    assert "the disk hangs" in ran.stderr


def test_a_flush_that_fails_is_not_durable(node, sick_disk):
    ran = node.run({**EVENT, "LD_PRELOAD": str(sick_disk), "DISK": "fails"})

    assert ran.code == 75
    assert "Input/output error" in ran.stderr


def test_what_nobody_thought_of_is_said_too(node):
    """Here: no file may be opened any more."""
    ran = node.run(EVENT, argv=["/bin/sh", "-c", f"ulimit -n 5; exec {HOOK}"])

    assert ran.code == 75
    assert "NOT KEPT: OSError(24, 'Too many open files')" in ran.stderr


def isolated(script: str) -> list[str]:
    """Runs a shell script that may mount what it likes; nobody else sees it."""
    argv = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    try:
        subprocess.run([*argv, "mount", "-t", "tmpfs", "none", "/mnt"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"this machine lets nobody mount a small disk: {error}")
    return [*argv, "sh", "-euc", script]


def test_a_full_disk_leaves_no_draft_and_the_second_spool_takes_it(node, python):
    """A real one: 64 KiB in memory, filled to the last byte."""
    spool = node.base / "spool"
    script = f"""
        mount -t tmpfs -o size=64k none {spool}
        mkdir -p {spool}/root/new {spool}/root/tmp
        cat /dev/zero > {spool}/fill 2>/dev/null || :
        {python} -IS {HOOK}
        ls {spool}/root/new {spool}/root/tmp
    """
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    ran = node.run({**EVENT, **path, "CRM_alert_big": "x" * 4000}, argv=isolated(script))

    assert ran.code == 0
    assert "No space left on device" in ran.stderr
    assert ran.stdout.split() == [f"{spool}/root/new:", f"{spool}/root/tmp:"]
    assert len(list((node.base / "run/spool2/root/new").iterdir())) == 1


def test_what_is_kept_nowhere_stands_in_syslog_with_the_whole_event(node, tmp_path):
    """A real /dev/log, in a mount namespace of its own."""
    dev = node.base / "dev"
    dev.mkdir()
    (dev / "null").touch()
    catcher = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); s.settimeout(10)\n"
        "print('ready', flush=True); print(s.recv(65536).decode())\n"
    )
    with subprocess.Popen(["/usr/bin/python3", "-c", catcher, dev / "log"], stdout=subprocess.PIPE, text=True) as syslog:
        assert syslog.stdout is not None
        syslog.stdout.readline()
        node.without("spool")
        node.without("run/spool2")
        script = f"mount --bind /dev/null {dev}/null; mount --bind {dev} /dev; mount --bind {dev}/null /dev/null; exec {HOOK}"
        ran = node.run({**EVENT, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, argv=isolated(script))
        line = syslog.communicate(timeout=20)[0].strip()

    assert ran.code == 75
    assert line.startswith("<27>quorumbell-alert[")
    assert "NOT KEPT" in line
    assert '"CRM_alert_node":"n3"' in line
    assert "\n" not in line


@pytest.fixture
def for_everybody(base):
    """A copy that another user may execute: this checkout may lie in somebody's home."""
    copy = base / "quorumbell-alert"
    shutil.copy(HOOK, copy)
    copy.chmod(0o755)
    return copy


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become hacluster: run this test as root")
def test_each_writer_has_its_own_spool_and_needs_no_further_groups(node, for_everybody):
    """Pacemaker takes all supplementary groups from hacluster; owner, group and set-gid must be enough."""
    for writer, owner in ("root", 0), ("pcmk", NO_USER):
        for folder in (node.base / "spool" / writer, *(node.base / "spool" / writer).iterdir()):
            os.chown(folder, owner, NO_GROUP)
            folder.chmod(0o2770)
    hacluster = {"user": NO_USER, "group": NO_USER, "extra_groups": [], "argv": [str(for_everybody)], "cwd": "/proc"}

    assert node.run(EVENT, **hacluster).code == 0
    assert node.run(EVENT, argv=[str(for_everybody)]).code == 0

    for writer, owner in ("root", 0), ("pcmk", NO_USER):
        (path,) = (node.base / "spool" / writer / "new").iterdir()
        about = path.stat()
        assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (owner, NO_GROUP, 0o640)
        assert json.loads(path.read_bytes())["uid"] == owner


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user: run this test as root")
def test_a_folder_without_permission_is_named(node, for_everybody):
    stranger = {"user": NO_USER, "group": NO_USER, "extra_groups": [], "argv": [str(for_everybody)]}

    ran = node.run(EVENT, **stranger)

    assert ran.code == 75
    assert f"{node.base}/spool/pcmk: Permission denied" in ran.stderr


def test_fifty_at_once_are_fifty_files(node):
    env = {"quorumbell_base": str(node.base), **EVENT}
    running = [subprocess.Popen([HOOK], env=env, stdin=subprocess.DEVNULL) for _ in range(50)]

    assert [process.wait(timeout=60) for process in running] == [0] * 50
    assert len(node.files()) == 50


def test_a_burst_that_overflows_the_relays_queue_still_reaches_it_when_no_disk_does(node, open_relay):
    """The kernel queues about ten datagrams: the others are sent again until there is room."""
    node.without("spool")
    node.without("run/spool2")
    open_relay()
    env = {"quorumbell_base": str(node.base), **EVENT}
    running = [subprocess.Popen([HOOK], env=env, stdin=subprocess.DEVNULL) for _ in range(30)]

    assert [process.wait(timeout=60) for process in running] == [0] * 30

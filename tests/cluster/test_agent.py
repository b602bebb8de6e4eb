"""packaging/ocf/bridge, called as the cluster calls it; the real ocf-tester goes over it, too."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.machines import ROOT
from tests.servers.ports import free_port

pytestmark = pytest.mark.cluster

AGENT = ROOT / "packaging/ocf/bridge"
SUCCESS, GENERIC, ARGS, INSTALLED, NOT_RUNNING = 0, 1, 2, 5, 7


class Agent:
    def __init__(self, home):
        self.home = home
        self.config = home / "q.toml"
        self.config.write_text(
            f'[bridge]\nledger = "sqlite:///{home}/ledger.db"\nlisten = []\n'
            f'listen_plain = ["tcp://127.0.0.1:{free_port()}"]\ncontrol = "{home}/control.sock"\n'
        )
        command = home / "quorumbell"
        command.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m bridge "$@"\n')
        command.chmod(0o755)
        self.parameters = {"command": command, "config": self.config, "user": "root", "log": home / "log"}

    def __call__(self, action, level=0, **parameters):
        environ = {
            "PATH": os.environ["PATH"],
            "OCF_ROOT": "/usr/lib/ocf",
            "OCF_RESOURCE_INSTANCE": self.home.name,
            "OCF_CHECK_LEVEL": str(level),
            "HA_RSCTMP": str(self.home),
            **{f"OCF_RESKEY_{name}": str(value) for name, value in {**self.parameters, **parameters}.items()},
        }
        done = subprocess.run([AGENT, action], env=environ, capture_output=True, text=True, timeout=60)
        self.said = done.stderr
        return done.returncode

    def signal(self, number):
        os.kill(int(next(self.home.glob("*.pid")).read_text()), number)


@pytest.fixture
def agent(tmp_path):
    one = Agent(tmp_path)
    yield one
    one("stop")


def test_the_real_tester_is_content(agent):
    options = [word for name, value in agent.parameters.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(["ocf-tester", "-n", "trial", *options, AGENT], capture_output=True, text=True, timeout=120)
    assert "passed all tests" in done.stdout, done.stdout + done.stderr


def test_what_ended_is_not_running_and_starts_again(agent):
    assert agent("monitor") == NOT_RUNNING
    assert agent("start") == agent("start") == agent("monitor", 10) == SUCCESS
    agent.signal(signal.SIGKILL)
    assert agent("monitor") == NOT_RUNNING
    assert agent("start") == agent("monitor", 10) == SUCCESS
    assert agent("stop") == agent("stop") == SUCCESS
    assert agent("monitor") == NOT_RUNNING


def test_one_that_does_not_answer_is_seen_by_the_deep_look_and_can_be_stopped(agent):
    assert agent("start") == SUCCESS
    agent.signal(signal.SIGSTOP)
    assert agent("monitor", 0) == SUCCESS
    assert (agent("monitor", 10), "does not answer" in agent.said) == (GENERIC, True)
    assert agent("stop") == SUCCESS
    assert agent("monitor") == NOT_RUNNING


def test_the_number_of_a_process_that_is_another_s_now_is_not_the_bridge(agent):
    """After a power cut."""
    (agent.home / f"quorumbell-{agent.home.name}.pid").write_text(f"{os.getpid()}\n")
    assert agent("monitor") == NOT_RUNNING
    assert agent("stop") == SUCCESS
    assert Path(f"/proc/{os.getpid()}").exists()


def test_what_cannot_work_says_why_and_starts_nothing(agent):
    assert (agent("start", command="/nowhere/quorumbell"), "is not there" in agent.said) == (INSTALLED, True)
    assert (agent("start", user="nobody-of-that-name"), "no user" in agent.said) == (INSTALLED, True)
    agent.config.write_text("[bridge]\nledgr = 1\n")
    assert (agent("start"), "q.toml:2: bridge" in agent.said) == (ARGS, True)
    assert agent("validate-all") == ARGS
    assert agent("monitor") == NOT_RUNNING

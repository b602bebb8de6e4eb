"""Bridge and relay work under what their units forbid them: libzmq ends the process when it may not do what it takes for granted."""

import ctypes.util
import shutil
import sys
from pathlib import Path

import pytest

from tests.missing import missing
from tests.node.programs import Programs
from tests.serve.test_bridge import ROOT, Bridge, eventually

HEALTHY = ROOT / "tests/node/crm_mon/2.1.5/01-healthy.xml"
CONFINED = Path(__file__).with_name("confined.py")


class Confined(Bridge):
    def start(self, name, *arguments):
        unit = ROOT / "packaging" / f"quorumbell-{name}.service"
        return super().start(name, str(CONFINED), str(unit), sys.executable, *arguments)


@pytest.fixture
def bridge(tmp_path):
    if not shutil.which("systemd-analyze") or not ctypes.util.find_library("seccomp"):
        missing("needs systemd-analyze and libseccomp: install systemd")
    bridge = Confined(tmp_path, crm_mon=Programs(tmp_path)(f"exec cat {HEALTHY}"))
    yield bridge
    bridge.stop()


def test_a_report_comes_and_a_notice_goes(bridge):
    assert bridge.hook(kind="node", node="n2", desc="member") == 0
    eventually(lambda: {report.source for report in bridge.stored()} == {"pacemaker", "crm_mon"})
    bridge.command("ring")
    eventually(lambda: len(bridge.mails) == 1)
    assert (bridge.process.poll(), bridge.relay.poll()) == (None, None)

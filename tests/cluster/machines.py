"""Machines that share this kernel and nothing else, and their networks.

A machine is a set of namespaces (mounts, processes, names, IPC, network) over a root of its own. Its files outlive a power cut. Two
bridges connect the machines: `ring` for the cluster, `management` for what Quorumbell sends; only the latter reaches this process.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
PARTS = Path(__file__).parent / "machine"
NETWORKS = ("ring", "management")
PLACES = {
    "init": "usr/lib/machine/init",
    "services": "usr/lib/machine/services",
    "fence_switch": "usr/sbin/fence_switch",
    "virsh": "usr/bin/virsh",
    "Told": "usr/lib/ocf/resource.d/trial/Told",
}
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}


def ip(*words, check=True):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert not check or done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


class Networks:
    """The two bridges, and for each a second one that stands apart: who is plugged in there is cut off from the others."""

    def __init__(self, number):
        self._number = number
        for network in NETWORKS:
            for apart in (False, True):
                ip(
                    "link",
                    "add",
                    self.bridge(network, apart=apart),
                    "type",
                    "bridge",
                    "forward_delay",
                    "0",
                    "mcast_snooping",
                    "0",
                )
                ip("link", "set", self.bridge(network, apart=apart), "up")
        ip("addr", "add", f"{self.address('management', 100)}/24", "dev", self.bridge("management"))

    def bridge(self, network, *, apart=False):
        return f"{network[:4]}{self._number}{'-apart' if apart else ''}"

    def address(self, network, host):
        return f"10.{70 + NETWORKS.index(network)}.{self._number}.{host}"

    def plug(self, machine, process):
        for network in NETWORKS:
            port = self._port(machine, network)
            ip("link", "add", port, "type", "veth", "peer", "name", network, "netns", str(process))
            ip("link", "set", port, "master", self.bridge(network), "up")

    def unplug(self, machine):
        for network in NETWORKS:
            ip("link", "del", self._port(machine, network), check=False)

    def join(self, machine, *networks, apart=False):
        for network in networks or NETWORKS:
            ip("link", "set", self._port(machine, network), "master", self.bridge(network, apart=apart))

    def close(self):
        for network in NETWORKS:
            for apart in (False, True):
                ip("link", "del", self.bridge(network, apart=apart))

    def _port(self, machine, network):
        return f"{machine.name}-{network[:4]}{self._number}"


class Machine:
    """`release` is "host", or whose root lies in .debian/cluster-RELEASE. `boots` are the services that start with the power."""

    def __init__(self, home, networks, number, release, name=""):
        self.name, self.number, self.release = name or f"n{number}", number, release
        self.lower = Path("/") if release == "host" else ROOT / f".debian/cluster-{release}"
        self.folder = home / self.name
        self.upper = self.folder / "upper"
        self.boots = ["relay", "cluster"]
        self.frozen = self.dead = False
        """Its power supply is broken: it cannot be switched on."""
        self._guests = home / "outside" / "guests" / self.name
        self._networks = networks
        self._lock = threading.RLock()
        self._process = None
        for place in ("upper", "root", "work"):
            (self.folder / place).mkdir(parents=True)
        for part, place in PLACES.items():
            self.install(place, PARTS / part)

    def install(self, place, source, mode=0o755):
        target = self.upper / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(mode)

    def write(self, place, text, *, owner="root", group="root", mode=0o644):
        """A file of its root, made while it is off. Owners are those of its own release."""
        target = self.upper / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        os.chown(target, self._id("passwd", owner), self._id("group", group))
        target.chmod(mode)

    def folder_of(self, owner, group, place, mode=0o750):
        target = self.upper / place
        target.mkdir(parents=True, exist_ok=True)
        os.chown(target, self._id("passwd", owner), self._id("group", group))
        target.chmod(mode)

    def lines(self, place):
        """A file of its root, as it is while it is off."""
        mine = self.upper / place
        return (mine if mine.exists() else self.lower / place).read_text()

    def _id(self, table, name):
        found = re.search(rf"^{name}:[^:]*:(\d+)", self.lines(f"etc/{table}"), re.MULTILINE)
        assert found, f"no {name} in /etc/{table} of {self.release}"
        return int(found[1])

    # --- power

    @property
    def powered(self):
        return self._process is not None

    def on(self, *, boots=None):
        with self._lock:
            if self._process is None and not self.dead:
                self._start(self.boots if boots is None else boots)

    def _start(self, boots):
        """`_process` stands outside, and its child is the machine's first."""
        shutil.rmtree(self.folder / "work")
        (self.folder / "work").mkdir()
        with (self.folder / "setup.log").open("ab") as log:
            process = subprocess.Popen(self._command(boots), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._process, self.frozen = process, False
        self._networks.plug(self, eventually(lambda: _child(process), 10, f"{self.name} gets namespaces"))
        eventually(lambda: _is_init(process) or process.poll() is not None, 20, f"{self.name} boots")
        assert process.poll() is None, f"{self.name} did not boot: {(self.folder / 'setup.log').read_text()}"

    def _command(self, boots):
        """What makes it and boots these services; systemd boots what is enabled."""
        addresses = [self._networks.address(network, self.number) for network in NETWORKS]
        first = ["systemd"] if boots == ["systemd"] else ["/usr/lib/machine/services", "boot", *boots]
        command = [PARTS / "setup", self.folder, self.lower, self.name, *addresses, *first]
        namespaces = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--net", "--fork", "--kill-child", "--"]
        return [*namespaces, *map(str, command)]

    def off(self):
        """The cables first: its peers see a silent machine, and no connection that is closed in order."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                self._networks.unplug(self)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(_child(process) or process.pid, signal.SIGKILL)
                process.wait(20)
            shutil.rmtree(self._guests, ignore_errors=True)

    # --- what runs in it

    def run(self, *words, check=True, seconds=60):
        """A command in the machine. Its output, or (check=False) the finished process; after so long it is killed."""
        limited = ["timeout", "--signal=KILL", str(seconds), *words]
        done = subprocess.run(
            [*self._inside(), *limited], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENVIRONMENT
        )
        if not check:
            return done
        assert done.returncode == 0, f"{self.name}: {' '.join(words)}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def _inside(self):
        assert self._process is not None, f"{self.name} is off"
        return ["nsenter", "-t", str(_child(self._process)), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--"]

    def services(self, verb, *names):
        self.run("/usr/lib/machine/services", verb, *names, seconds=180)

    def freeze(self):
        """Everything but the first process, which its namespace protects. Twice, for what was started meanwhile."""
        self.frozen = True
        for _ in range(2):
            self._signal(signal.SIGSTOP)

    def kill(self, name):
        self._signal(signal.SIGKILL, name)

    def runs(self, name):
        """Whether a process with this in its command line is there, and can move."""
        return self.powered and not self.frozen and bool(self._processes(name))

    def _signal(self, number, name=""):
        for process in self._processes(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _processes(self, name=""):
        """As they are seen from outside: what is stopped or killed there must not be what stops or kills."""
        first = _child(self._process)
        mine = os.readlink(f"/proc/{first}/ns/pid")
        others = (int(path.name) for path in Path("/proc").glob("[0-9]*") if path.name != str(first))
        return [process for process in others if _about(process, "ns/pid") == mine and name in _about(process, "cmdline")]


def _about(process, what):
    """A file of its folder in /proc, or what a link there says; "" when it is gone."""
    path = Path(f"/proc/{process}/{what}")
    with contextlib.suppress(OSError):
        return os.readlink(path) if what.startswith("ns/") else path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _child(process):
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text() if process.poll() is None else ""
    return int(text.split()[0]) if text.split() else None


def _is_init(process):
    child = _child(process)
    first = b"/usr/lib/machine/init", b"/lib/systemd/systemd\0--system"
    return child is not None and any(one in Path(f"/proc/{child}/cmdline").read_bytes() for one in first)

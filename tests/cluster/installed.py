"""Machines of one Debian under a real systemd, a bridge beside a cluster of three, and nothing of ours on any of them.

What is typed here is what docs/install.md says; the dependencies that apt would fetch are in the root (packaging/test fetches them).
"""

import json
import re
import subprocess
import time
from pathlib import Path

from tests.cluster.machines import ROOT, Machine, Networks
from tests.cluster.pacemaker import STARTUP_FENCING, Cluster, until
from tests.cluster.site import NAME, OUTSIDE, Site
from tests.cluster.switch import Switch
from tests.servers.certificates import make_authority, sign
from tests.servers.smtp import Rules, Server, context

UNIFIED = Path("/sys/fs/cgroup/unified")
CGROUPS = UNIFIED if UNIFIED.exists() else UNIFIED.parent
INSTALL = ROOT / "docs/install.md"
OLD = "installed-bullseye"
"""Has no Python for a bridge: the bridge's machine is the next Debian."""


class Booted(Machine):
    """Its first process is systemd, in a group of its own."""

    def __init__(self, home, networks, number, release, name):
        super().__init__(home, networks, number, release, name)
        self.group = CGROUPS / f"{home.name}-{name}"
        self.units = []
        self.typed = []
        """(seconds, what), of what a person typed."""

    def _command(self, boots):
        self.group.mkdir(exist_ok=True)
        for unit in self.units:
            self._enable(unit)
        enter = ["sh", "-c", f'echo $$ >{self.group}/cgroup.procs && exec "$@"', "sh"]
        inside = super()._command(["systemd"])
        return [*enter, inside[0], "--cgroup", *inside[1:]]

    def _inside(self):
        found = super()._inside()
        return [*found[:-1], "-C", "--"]

    def _enable(self, unit):
        wanted = self.upper / "etc/systemd/system/multi-user.target.wants"
        wanted.mkdir(parents=True, exist_ok=True)
        link = wanted / f"{unit}.service"
        if not link.is_symlink():
            link.symlink_to(f"/lib/systemd/system/{unit}.service")

    def types(self, command, *, check=True):
        """At its root's prompt."""
        began = time.monotonic()
        done = self.run("sh", "-c", f"cd /root && {command}", check=check, seconds=120)
        self.typed.append((time.monotonic() - began, command))
        return done

    def close(self):
        groups = sorted(self.group.rglob("*"), key=lambda path: len(path.parts), reverse=True) if self.group.is_dir() else []
        for folder in [path for path in groups if path.is_dir()] + [self.group]:
            until(lambda folder=folder: not folder.exists() or _removed(folder), 20, f"{folder} is empty")


class Installed(Site):
    def __init__(self, home, number, release):
        self.home = self.folder = home
        (home / "outside").mkdir(parents=True)
        self.networks = Networks(number)
        self.machines = {f"n{place}": Booted(home, self.networks, place, release, f"n{place}") for place in (1, 2, 3)}
        self.n1, self.n2, self.n3 = self.machines.values()
        self.centre = Booted(home, self.networks, 9, "installed-bookworm" if release == OLD else release, "bell1")
        self.switch = Switch(home / "outside/power", self.machines)
        self.cluster = Cluster(self.machines)
        self.rules = Rules()
        make_authority(home)
        signed = sign(home, "mail.example.com", "DNS:mail.example.com")
        outside = self.networks.address("management", OUTSIDE)
        self.mail = Server(self.rules, host=outside, starttls=context(signed.certificate, signed.key))

    def start(self):
        self.mail.__enter__()
        for machine in self.machines.values():
            self._prepare_cluster(machine)
            machine.units = ["corosync", "pacemaker", "ssh"]
        everybody = {machine.name: machine for machine in (*self.machines.values(), self.centre)}
        hosts = {name: self.networks.address("management", one.number) for name, one in everybody.items()}
        hosts["mail.example.com"] = self.networks.address("management", OUTSIDE)
        for machine in everybody.values():
            self._prepare(machine, hosts)
        for machine in everybody.values():
            machine.on()
        for machine in everybody.values():
            machine.run("systemctl", "is-system-running", "--wait", check=False)
        self._let_in()
        self.cluster.wait_online()
        self.cluster.option(STARTUP_FENCING)
        self.cluster.settle()

    def _prepare(self, machine, hosts):
        """A network with names, a mail server that is trusted, packages in /root."""
        lines = "".join(f"{address} {name}\n" for name, address in hosts.items())
        machine.write("etc/hosts", f"127.0.0.1 localhost\n{lines}")
        machine.write("etc/hostname", f"{machine.name}\n")
        machine.write("usr/local/share/ca-certificates/site.crt", (self.home / "ca.pem").read_text())
        release = machine.release.removeprefix("installed-")
        which = f"quorumbell_*~{release}_*.deb" if machine is self.centre else "quorumbell-node_*.deb"
        found = sorted((ROOT / "dist").glob(which))
        assert found, f"dist/{which} is missing: make packages RELEASE={release}"
        machine.install(f"root/{found[-1].name}", found[-1], 0o644)

    def _let_in(self):
        """ssh from the bridge to each node, without a question."""
        self.centre.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519")
        public = (self.centre.upper / "root/.ssh/id_ed25519.pub").read_text()
        (self.centre.upper / "root/.ssh/config").write_text("StrictHostKeyChecking accept-new\n")
        for machine in self.machines.values():
            machine.run("install", "-d", "-m", "700", "/root/.ssh")
            machine.run(
                "sh", "-c", f"echo '{public.strip()}' >/root/.ssh/authorized_keys && chmod 600 /root/.ssh/authorized_keys"
            )
        self.centre.run("update-ca-certificates")

    def _prepare_cluster(self, machine):
        """Without the alert, and with names by which the management network reaches everybody."""
        super()._prepare_cluster(machine)
        place = "var/lib/pacemaker/cib/cib.xml"
        text = re.sub(r"<alerts>.*</alerts>", "", machine.lines(place), flags=re.DOTALL)
        machine.write(place, text, owner="hacluster", group="haclient", mode=0o600)

    def status(self):
        return json.loads(self.centre.run("quorumbell", "status", "--json"))

    def board(self):
        """There is none."""
        return {}

    def stop(self):
        self.switch.close()
        for machine in [*self.machines.values(), self.centre]:
            machine.off()
            machine.close()
        self.mail.__exit__()
        self.networks.close()


def documented(start):
    """The command of docs/install.md that begins so, without its comment: what a person would copy."""
    lines = [line.strip() for line in INSTALL.read_text().splitlines() if line.startswith("    ")]
    found = next(line for line in lines if line.startswith(start))
    return re.sub(r"\s+#.*", "", found)


def _removed(folder):
    return not subprocess.run(["rmdir", folder], capture_output=True).returncode


__all__ = ["NAME", "Booted", "Installed", "documented"]

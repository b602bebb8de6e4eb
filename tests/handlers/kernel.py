"""Calls a handler as DRBD's module does, on a machine that has none: the module's half of the environment, then the real drbdadm.

What each variable is, who sets it and when: Linux 6.1 drivers/block/drbd/drbd_nl.c (drbd_khelper, conn_khelper) for 8.4; DRBD 9.2
drbd_nl.c for 9. Seen with real kernels of both. drbdadm adds its own half and runs the handler's string by /bin/sh.
Two variables are there that no kernel sets, and stay: which host to be, and which module to take for running.
"""

import os
from dataclasses import dataclass
from pathlib import Path

VERSIONS = {"8.4": "8.4.11", "9": "9.2.16"}
DEVICE = (
    "initial-split-brain",
    "split-brain",
    "pri-lost-after-sb",
    "pri-lost",
    "before-resync-source",
    "before-resync-target",
    "after-resync-target",
    "out-of-sync",
    "pri-on-incon-degr",
)
"""Of one device and one connection."""
HANDLERS = {
    "8.4": (*DEVICE, "local-io-error", "fence-peer", "unfence-peer"),
    "9": (*DEVICE, "local-io-error", "fence-peer", "unfence-peer", "quorum-lost", "disconnected"),
}
OWN = ("local-io-error", "quorum-lost")
"""Of a device alone: no peer."""
CONNECTION = ("fence-peer", "unfence-peer", "disconnected")

VOLUMES = {"r0": {"0": ("0", "/dev/vg/r0")}, "r1": {"0": ("1", "/dev/vg/r1-0"), "1": ("2", "/dev/vg/r1-1")}}
ADDRESSES = {"alpha": "10.77.0.1", "bravo": "10.77.0.2"}
IDS = {"alpha": "0", "bravo": "1"}


def resources(generation: str, extra: dict[str, str] | None = None) -> str:
    """r0 with one volume, r1 with two, on alpha and bravo; `extra` goes into the resource of that name."""
    text = ""
    for port, (name, volumes) in enumerate(VOLUMES.items(), 7788):
        text += f"resource {name} {{\n"
        for host, address in ADDRESSES.items():
            text += f"    on {host} {{\n" + (f"        node-id {IDS[host]};\n" if generation == "9" else "")
            text += f"        address {address}:{port};\n"
            text += "".join(
                f"        volume {volume} {{ device minor {minor}; disk {disk}; meta-disk internal; }}\n"
                for volume, (minor, disk) in volumes.items()
            )
            text += "    }\n"
        text += (extra or {}).get(name, "") + "}\n"
    return text


GLOBAL = "global { usage-count no; disable-ip-verification; }\n"


def configuration(generation: str, commands: dict[str, str]) -> str:
    handlers = "".join(f'        {name} "{command}";\n' for name, command in commands.items())
    return f"{GLOBAL}common {{\n    handlers {{\n{handlers}    }}\n}}\n{resources(generation)}"


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The module of one generation, on the host alpha, whose resources came up with the file `config`."""

    generation: str
    config: Path

    def call(self, handler: str, target: str = "r0/0", *, cstate: str = "Connected", **more: str) -> int:
        """The exit code that the module sees. `target` is RESOURCE/VOLUME; `more` goes into the environment."""
        resource, _, volume = target.partition("/")
        word = resource
        if self.generation == "8.4" and handler not in CONNECTION:
            word = f"minor-{VOLUMES[resource][volume][0]}"
        env = self._variables(handler, resource, volume, cstate) | more
        return spawn(["/sbin/drbdadm", "-c", str(self.config), handler, word], env)

    def environment(self) -> dict[str, str]:
        return {"__DRBD_NODE__": "alpha", "DRBD_DRIVER_VERSION_OVERRIDE": VERSIONS[self.generation]}

    def _variables(self, handler: str, resource: str, volume: str, cstate: str) -> dict[str, str]:
        env = {"HOME": "/", "TERM": "linux", "PATH": "/sbin:/usr/sbin:/bin:/usr/bin"} | self.environment()
        peer = {"DRBD_PEER_AF": "ipv4", "DRBD_PEER_ADDRESS": ADDRESSES["bravo"]}
        if self.generation == "8.4":
            return env | peer
        if handler not in CONNECTION:
            minor, disk = VOLUMES[resource][volume]
            env |= {"DRBD_MINOR": minor, "DRBD_VOLUME": volume}
            env |= {} if handler == "local-io-error" else {"DRBD_BACKING_DEV": disk}
        if handler not in OWN:
            env |= peer | {"DRBD_MY_AF": "ipv4", "DRBD_MY_ADDRESS": ADDRESSES["alpha"]}
            env |= {"DRBD_PEER_NODE_ID": IDS["bravo"], "DRBD_CSTATE": cstate}
        if handler in CONNECTION:
            for number, (minor, disk) in VOLUMES[resource].items():
                env |= {f"DRBD_MINOR_{number}": minor, f"DRBD_BACKING_DEV_{number}": disk}
        if "fence" in handler:
            env["UP_TO_DATE_NODES"] = "0x00000003" if handler == "unfence-peer" else "0x00000001"
        return env


def spawn(argv: list[str], env: dict[str, str]) -> int:
    """As call_usermodehelper does: in /, without the three standard descriptors."""
    child = os.fork()
    if not child:
        try:
            os.chdir("/")
            for handle in (0, 1, 2):
                os.close(handle)
            os.execve(argv[0], argv, env)
        finally:
            os._exit(127)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

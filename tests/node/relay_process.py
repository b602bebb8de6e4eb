"""usage: relay_process.py SETTINGS DRBDSETUP MODULE: the relay, whose module is a folder of the test's."""

import logging
import sys

from bridge.node import settings
from bridge.node.drbd_states import Follower
from bridge.node.process import StopSignal
from bridge.node.relay import Relay


def main(path: str, drbdsetup: str, module: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    follower = Follower(drbdsetup, module)
    relay = Relay(settings.load(path), [follower])
    print("ready", flush=True)
    relay.run(StopSignal())
    follower.close()


main(*sys.argv[1:])

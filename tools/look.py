"""Records what crm_mon shows on this node: python3 -m tools.look [SECONDS] >> NAME.HOST.crm_mon.jsonl

As the relay would tell it, but looking every second: one line a report, when something changed. For `quorumbell rehearse`, beside
a recording of alerts. Standard library only, Python 3.9: it runs on a node where nothing else of ours does.
"""

import json
import math
import select
import socket
import sys
import time

from bridge.node.crm_mon import Onlooker
from bridge.node.parts import parts
from bridge.node.picture import telling
from bridge.wire.body import boot_id, moment

EVERY = 1.0


def main(seconds: float) -> None:
    onlooker, boot, told = Onlooker(every=EVERY), boot_id(), {}
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        onlooker.on_tick(now, moment(boot))
        if onlooker.fileno() >= 0 and select.select([onlooker.fileno()], [], [], 0.05)[0]:
            onlooker.on_readable(now, moment(boot))
        elif onlooker.fileno() < 0:
            time.sleep(0.05)
        if onlooker.picture is not None and telling(onlooker.picture.says) != told:
            told = telling(onlooker.picture.says)
            for _, body in parts(*onlooker.picture):
                print(json.dumps({"host": socket.gethostname(), "received": time.time(), "body": json.loads(body)}), flush=True)
    onlooker.close()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else math.inf)

"""usage: deaf_port.py: a bridge that is busy until it reads a line; then it takes all that waits, and says that it lives."""

import sys

from bridge.intake.intake import Intake

intake = Intake(["tcp://127.0.0.1:0"], None, None)
print(intake.endpoints[0], flush=True)
sys.stdin.readline()
while intake.socket.poll(500):
    intake.drain()
print("alive", flush=True)
intake.close()

"""usage: bridge_process.py ENDPOINT DATABASE [--acknowledge-first]: the smallest bridge that keeps, or breaks, the one rule."""

import sqlite3
import sys
import time

import zmq

from bridge.intake.intake import Intake

COMMIT_TAKES = 0.02


def main(endpoint: str, path: str, *arguments: str) -> None:
    too_early = "--acknowledge-first" in arguments
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE IF NOT EXISTS report (uid BLOB PRIMARY KEY)")
    database.commit()
    intake = Intake([endpoint], None, None)
    poller = zmq.Poller()
    poller.register(intake.socket, zmq.POLLIN)
    print("ready", flush=True)
    while True:
        poller.poll(100)
        arrivals = intake.drain(limit_events=16).arrivals
        if too_early:
            intake.acknowledge(arrivals)
        time.sleep(COMMIT_TAKES if arrivals else 0)
        with database:
            database.executemany("INSERT OR IGNORE INTO report VALUES (?)", [(arrival.uid,) for arrival in arrivals])
        if not too_early:
            intake.acknowledge(arrivals)


main(*sys.argv[1:])

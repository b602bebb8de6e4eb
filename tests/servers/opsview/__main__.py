"""`python -m tests.servers.opsview`: the server as a program, with a small cluster in it."""

import argparse
import time

from tests.servers.opsview import Opsview, Rules


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.servers.opsview", description="an Opsview REST server with rules, on loopback"
    )
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", default="initial")
    parser.add_argument("--token-lifetime", type=float, default=3600.0, metavar="S")
    parser.add_argument("--freshness", type=int, metavar="S", help="services go UNKNOWN without a result for so long")
    parser.add_argument("objects", nargs="*", metavar="HOST[=SERVICE,SERVICE]", help="hosts and passive services that exist")
    given = parser.parse_args()
    server = Opsview(Rules(token_lifetime=given.token_lifetime), port=given.port)
    server.add_user(given.user, given.password)
    for each in given.objects:
        host, _, services = each.partition("=")
        server.provide(host, [s for s in services.split(",") if s], freshness=given.freshness)
    with server:
        print(f"Opsview answers on {server.url}/rest (user {given.user})", flush=True)
        try:
            while True:
                time.sleep(1)
                with server.lock:
                    server.settle()
        except KeyboardInterrupt:
            pass


main()

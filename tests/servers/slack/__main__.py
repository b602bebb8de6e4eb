"""`python -m tests.servers.slack --port 8066`: the server as a program, with a channel and a bot in it."""

import argparse

from tests.servers.chat_server import serve
from tests.servers.slack import Slack

SETTINGS = """kind = "slack"\nurl = "{{url}}/api"\ntoken = "{token}"\nchannel = "{channel}" """


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers.slack", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--channel", default="alarms")
    parser.add_argument("--token", default="", help="of the bot; default: a new one")
    given = parser.parse_args()
    server = Slack(given.port)
    token = server.add_bot(given.token)
    serve(server, SETTINGS.format(token=token, channel=server.add_channel(given.channel, token)))


main()

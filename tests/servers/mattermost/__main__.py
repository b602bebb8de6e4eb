"""`python -m tests.servers.mattermost --port 8065`: the server as a program, with a channel and a bot in it."""

import argparse

from tests.servers.chat_server import serve
from tests.servers.mattermost import Mattermost

SETTINGS = """kind = "mattermost"\nurl = "{{url}}"\ntoken = "{token}"\nchannel = "{team}/{channel}" """


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers.mattermost", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--channel", default="alarms")
    parser.add_argument("--token", default="", help="of the bot; default: a new one")
    given = parser.parse_args()
    server = Mattermost(given.port)
    token = server.add_bot(given.token)
    server.add_channel(given.channel, token)
    serve(server, SETTINGS.format(token=token, team=server.team, channel=given.channel))


main()

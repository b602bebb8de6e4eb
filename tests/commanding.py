"""The command in this process, for tests that ask it over and over: a process of its own costs half a second each time."""

from typing import NamedTuple

from click.testing import CliRunner

from bridge.cli import main


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def typed(*words: str) -> Done:
    """As at a terminal; what nobody foresaw is raised."""
    done = CliRunner().invoke(main, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)

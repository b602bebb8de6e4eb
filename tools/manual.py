"""Man pages and completions, from what the commands say of themselves and from docs/: python3 -m tools.manual FOLDER

roff is kept to what man(7) has: .TH .SH .SS .PP .TP .EX .EE.
"""

import argparse
import gzip
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from bridge import __version__
from bridge.cli import main as quorumbell
from bridge.node.cli import COMMANDS, parser_of

ROOT: Final = Path(__file__).resolve().parent.parent
SEE: Final = "The documents that came with it, or docs/ in the source tree."


def plain(text: str) -> str:
    """As roff prints it: a dot at the beginning of a line is no request, a backslash and a hyphen are themselves."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").split("\n")
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in lines)


def head(name: str, section: int, what: str) -> list[str]:
    return [
        f'.TH {name.upper()} {section} "" "Quorumbell {__version__}" Quorumbell',
        ".SH NAME",
        f"{plain(name)} \\- {plain(what)}",
    ]


def example(lines: list[str]) -> list[str]:
    return [".PP", ".nf", ".RS 4", *map(plain, lines), ".RE", ".fi"]


# --- commands


def described(text: str) -> Iterator[str]:
    """click's help: paragraphs, and behind a \\b a block that keeps its lines."""
    for block in inspect.cleandoc(text).split("\n\n"):
        lines = block.split("\n")
        if lines[0].strip(" ") == "\b":
            yield from example([line.rstrip() for line in lines[1:]])
        else:
            yield from (".PP", plain(" ".join(line.strip() for line in lines)))


def options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield from (".TP", f"\\fB{plain(record[0])}\\fR", plain(" ".join(record[1].split())))


def commands(group: click.Group, context: click.Context, before: str) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        own = click.Context(command, info_name=f"{before} {name}")
        if isinstance(command, click.Group):
            yield from commands(command, own, f"{before} {name}")
            continue
        usage = " ".join(command.collect_usage_pieces(own))
        yield from (f".SS {plain(f'{before} {name} {usage}')}", *described(command.help or ""), *options(own))


def of_bridge() -> str:
    context = click.Context(quorumbell, info_name="quorumbell")
    lines = head("quorumbell", 1, "alert bridge for Linux HA clusters: the centre")
    lines += [".SH SYNOPSIS", ".B quorumbell", "COMMAND [OPTION]...", ".SH DESCRIPTION", *described(quorumbell.help or "")]
    lines += [".SH COMMANDS", *commands(quorumbell, context, "quorumbell")]
    return page(lines, "quorumbell.toml(5), quorumbell\\-node(8)")


def of_node() -> str:
    lines = head("quorumbell-node", 8, "Quorumbell on a cluster node: join, set up, look")
    lines += [".SH SYNOPSIS", ".B quorumbell\\-node", "COMMAND [OPTION]...", ".SH COMMANDS"]
    for name in COMMANDS:
        parser = parser_of(name)
        lines += [f".SS quorumbell\\-node {plain(name)}", plain(parser.description or "")]
        for action in actions_of(parser):
            shown = ", ".join(action.option_strings) or str(action.metavar or action.dest).upper()
            if action.help and action.help != argparse.SUPPRESS and "-h" not in action.option_strings:
                lines += [".TP", f"\\fB{plain(shown)}\\fR", plain(action.help)]
    return page(lines, "quorumbell\\-relay.conf(5), quorumbell(1)")


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001 - argparse tells them nobody else


def page(lines: list[str], others: str) -> str:
    return "\n".join([*lines, ".SH SEE ALSO", others, ".PP", SEE, ""])


# --- pages of docs/


def of_settings() -> str:
    lines = head("quorumbell.toml", 5, "settings of Quorumbell's bridge")
    return page([*lines, *from_markdown((ROOT / "docs/config.md").read_text())], "quorumbell(1)")


def of_relay_conf() -> str:
    text = (ROOT / "docs/operate.md").read_text()
    lines = head("quorumbell-relay.conf", 5, "settings of the relay of a cluster node: /etc/quorumbell/relay.conf")
    found = re.search(r"^## A node\n(.*?)^## What the cluster itself shows\n.*?(^\|.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit("docs/operate.md has no section A node any more: tools/manual.py takes relay.conf(5) from there")
    return page([*lines, ".SH DESCRIPTION", *from_markdown(f"{found[1]}\n{found[2]}\n")], "quorumbell\\-node(8)")


def from_markdown(text: str) -> Iterator[str]:
    """What docs/ uses: headings, paragraphs, code, tables, lists."""
    for block in re.sub(
        r"```\w*\n(.*?)```", lambda one: re.sub("^", "    ", one[1], flags=re.MULTILINE), text, flags=re.DOTALL
    ).split("\n\n"):
        lines = [line for line in block.split("\n") if line.strip()]
        if not lines or lines[0].startswith("# "):
            continue
        if lines[0].startswith("## "):
            yield from (f".SH {plain(spoken(lines[0].lstrip('# ')).upper())}",)
            lines = lines[1:]
        elif lines[0].startswith("###"):
            yield from (f".SS {plain(spoken(lines[0].lstrip('# ')))}",)
            lines = lines[1:]
        if not lines:
            continue
        if lines[0].startswith("|"):
            yield from table(lines)
        elif lines[0].startswith("    "):
            yield from example([line[4:] for line in lines])
        else:
            yield from (".PP", plain(spoken(" ".join(lines))))


def table(lines: list[str]) -> Iterator[str]:
    for line in lines:
        name, *rest = (spoken(cell.strip()) for cell in line.strip("|").split("|"))
        if name and not set(name) <= set("- ") and line is not lines[0]:
            yield from (".TP", f"\\fB{plain(name)}\\fR", plain("; ".join(filter(None, rest))))


def spoken(text: str) -> str:
    """Without the marks of links, code and stress."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("**", "").replace("*", "")


# --- completions


def completion_of_bridge() -> str:
    environ = {"_QUORUMBELL_COMPLETE": "bash_source", "PATH": "/usr/bin:/bin"}
    words = [sys.executable, "-c", "from bridge.cli import main; main(prog_name='quorumbell')"]
    return subprocess.run(words, env=environ, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def completion_of_node() -> str:
    cases = "\n".join(
        f"        {name}) words='{' '.join(word for action in actions_of(parser_of(name)) for word in action.option_strings)}' ;;"
        for name in COMMANDS
    )
    return f"""# bash completion of quorumbell-node
_quorumbell_node() {{
    local words
    if [ "$COMP_CWORD" = 1 ]; then
        words='{" ".join(COMMANDS)}'
    else
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -f -- "${{COMP_WORDS[COMP_CWORD]}}")
}}
complete -F _quorumbell_node quorumbell-node
"""


def main(folder: str) -> None:
    pages = {
        "quorumbell.1": of_bridge(),
        "quorumbell-node.8": of_node(),
        "quorumbell.toml.5": of_settings(),
        "relay.conf.5": of_relay_conf(),
    }
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (place / f"{name}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    (place / "quorumbell.bash").write_text(completion_of_bridge())
    (place / "quorumbell-node.bash").write_text(completion_of_node())


if __name__ == "__main__":
    main(sys.argv[1])

"""`python -m tools.gallery docs/notices`: every kind's messages, in both languages, for people to read."""

import sys
from itertools import product
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from bridge.core.telling.notice import Telling
from bridge.core.world.incident import Kind
from bridge.texts import LANGUAGES, render_strictly, words
from tools.notices import bundle, drill, nothing_stored, notice
from tools.scenes import OTHER_SCENES, Scene
from tools.scenes.again import AGAIN
from tools.scenes.own import OUTAGES

ZONE: Final = ZoneInfo("Europe/Berlin")
NAMES: Final = {"en": "English", "de": "Deutsch"}
SHOWN: Final = (Telling.OPENED, Telling.ESCALATED, Telling.REMINDER, Telling.CLOSED)
ABOUT: Final = (
    "Made by `python -m tools.gallery docs/notices`; a test keeps it up to date. "
    "Names, times and addresses are invented; links are there when `[page] address` is set. "
    "Later messages repeat the list of what to do; here it is shown once."
)


def pages() -> dict[str, str]:
    """File name → content."""
    made = {f"{kind}.md": _page(kind) for kind in Kind}
    made["told-again.md"] = _again()
    made["several-at-once.md"] = _several()
    made["nothing-stored.md"] = _nothing_stored()
    made["drill.md"] = _drill()
    made["README.md"] = _index()
    return made


def _index() -> str:
    lines = ["# What is told", "", ABOUT, "", "| kind | in one sentence |", "|---|---|"]
    for kind in Kind:
        told = render_strictly(notice(kind, Telling.OPENED, "en"), "en", ZONE)
        lines.append(f"| [{kind}]({kind}.md) | {told.summary} |")
    lines += ["", "About one that was told before: [it is worse, or not over](told-again.md)."]
    lines += ["", "About several incidents at once: [the brake, the summary, the digest](several-at-once.md)."]
    lines += ["", "About Quorumbell itself: [it can store nothing](nothing-stored.md)."]
    lines += ["", "In a drill: [nothing of it has happened](drill.md)."]
    return "\n".join(lines) + "\n"


def _nothing_stored() -> str:
    parts = ["# Nothing can be stored", ABOUT]
    for language in LANGUAGES:
        parts.append(f"## {NAMES[language]}")
        for (case, (ledger, why)), over in product(OUTAGES.items(), (False, True)):
            text = render_strictly(nothing_stored(language, ledger, why, over=over), language, ZONE)
            title = "over" if over else case
            parts.append(f"### {title}\n\n```text\nSubject: {'Re: ' if over else ''}{text.subject}\n\n{text.body.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _drill() -> str:
    parts = ["# A drill", ABOUT]
    for language in LANGUAGES:
        parts.append(f"## {NAMES[language]}")
        for kind, telling in product((Kind.NODE_FAILURE, Kind.REPLICA_SPLIT_BRAIN), (Telling.OPENED, Telling.CLOSED)):
            text = render_strictly(drill(kind, telling, language), language, ZONE)
            prefix = "Re: " if telling is Telling.CLOSED else ""
            parts.append(f"### {kind}, {telling}\n\n```text\nSubject: {prefix}{text.subject}\n\n{text.body.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _several() -> str:
    parts = ["# Several incidents at once", ABOUT]
    for language in LANGUAGES:
        parts.append(f"## {NAMES[language]}")
        for telling in (one for one in Telling if one.bundles):
            text = render_strictly(bundle(telling, language), language, ZONE)
            parts.append(f"### {telling}\n\n```text\nSubject: {text.subject}\n\n{text.body.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _again() -> str:
    parts = ["# Told again", ABOUT]
    for language in LANGUAGES:
        parts.append(f"## {NAMES[language]}")
        parts += [_message(kind, Telling.ESCALATED, language, scene) for kind, scene in AGAIN]
    return "\n\n".join(parts) + "\n"


def _page(kind: Kind) -> str:
    parts = [f"# {kind}", ABOUT]
    for language in LANGUAGES:
        parts.append(f"## {NAMES[language]}")
        parts += [_message(kind, telling, language) for telling in SHOWN]
        parts += [_message(kind, _shown(scene), language, scene) for scene in OTHER_SCENES.get(kind, ())]
    return "\n\n".join(parts) + "\n"


def _shown(scene: Scene) -> Telling:
    """The end, where that is what the scene is about."""
    return Telling.CLOSED if scene.end else Telling.OPENED


def _message(kind: Kind, telling: Telling, language: str, scene: Scene | None = None) -> str:
    text = render_strictly(notice(kind, telling, language, scene=scene), language, ZONE)
    title = f"{telling} ({scene.case})" if scene else telling
    body = text.body if telling is Telling.OPENED else _without_runbook(text.body, language)
    prefix = "" if telling is Telling.OPENED else "Re: "
    return f"### {title}\n\n```text\nSubject: {prefix}{text.subject}\n\n{body.rstrip()}\n```"


def _without_runbook(body: str, language: str) -> str:
    head, _, rest = body.partition(f"\n{words.LABELS[language]['runbook']}\n")
    return head.rstrip() if rest else body.partition("\n-- \n")[0].rstrip()


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, content in made.items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.gallery FOLDER")
    write(Path(sys.argv[1]))

"""The layout of a chat: what stands in the room and is kept true there, what hangs below it, and what is said anew.

Everything is made of `Part`s, which know no markup. A receiver writes them in its own dialect and escapes there, so that a name
with markup in it stays a name.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any, Final

import msgspec

from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import Severity
from bridge.core.world.incident import State
from bridge.texts import words
from bridge.texts.broken import broken
from bridge.texts.drill import WORD, marked
from bridge.texts.facts import bare, bare_facts, clean
from bridge.texts.layout import Piece
from bridge.texts.message import frame
from bridge.texts.own import is_test
from bridge.texts.tables import aligned

MARKS: Final = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵", Severity.OK: "🟢"}
TEST_MARK: Final = "🔔"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A paragraph: `lead` stands out, `text` follows it; `fixed` are lines to be pasted or read in columns, below both.

    `link` is the address that the lead leads to, or the text where there is no lead."""

    lead: str = ""
    text: str = ""
    link: str = ""
    fixed: tuple[str, ...] = ()


Parts = tuple[Part, ...]


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """`overview` is how it is now, for the message that is edited in place. `details` hang below it: what to do, who was away.

    `news` is what this notice says, as a message of its own; `brief` is its first line. `whole` is for who can neither edit nor
    hang anything below: all in one message.
    """

    overview: Parts
    details: Parts
    news: Parts
    brief: Parts
    whole: Parts
    cut: Part


def chat(notice: Notice, zone: tzinfo) -> Chat:
    """A broken text must not keep an alarm from anybody: then the bare facts are told, and it is counted as a fault of ours."""
    try:
        return chat_strictly(notice, zone)
    except Exception as error:  # noqa: BLE001 - whatever it is, an alarm needs words
        broken(f"{notice.incident.kind}, {notice.kind}", error)
        facts = (Part(lead=marked(bare(notice.incident), notice), link=notice.link, fixed=tuple(bare_facts(notice.incident))),)
        return Chat(overview=facts, details=(), news=facts, brief=facts, whole=facts, cut=_cut_word(notice))


def chat_strictly(notice: Notice, zone: tzinfo) -> Chat:
    """As `chat`, but a mistake in a template raises: the tests' way."""
    told = frame(notice, notice.language, zone)
    if notice.kind.bundles:
        return _several(notice, told)
    over = notice.kind is Telling.CLOSED or notice.moved
    # What stays in the room must not say "2 minutes ago", and is no news: the story as it is told at the beginning.
    settled = told if over else frame(msgspec.structs.replace(notice, kind=Telling.OPENED), notice.language, zone)
    labels, cluster = told["labels"], clean(notice.incident.cluster)
    ask = told["foot"][1] if notice.incident_id and not notice.drill else ""
    now = "" if over else labels["as_of"].format(words.moment(notice.at, notice.language, zone))
    away, involved = _away(told, now), _involved(told)
    what_to_do = _what_to_do(told)
    state = Part(lead=f"{_mark(notice)} {_state(notice, told)} · {cluster}", text=told["sentence"])
    brief = Part(lead=f"{_mark(notice)} {told['word']} · {cluster}", text=told["sentence"])
    hints = [labels["in_thread"]] if what_to_do else []
    page = (Part(text=told["on_page"], link=told["link"]),) if told["link"] else ()
    foot = _paragraph(" ".join([*hints, *told["foot"][:2]]) if notice.incident_id or notice.drill else "")
    return Chat(
        overview=(state, *_story(settled), *page, *(away if over else ()), *foot),
        details=() if over else (*what_to_do, *away, *involved, *(_paragraph(labels["printed"]) if what_to_do else ())),
        news=(brief, *_story(told), *page, *(away if over else ()), *_paragraph(ask)),
        brief=(brief,),
        whole=(brief, *_story(told), *page, *what_to_do, *involved, *away, *_paragraph(ask)),
        cut=_cut_word(notice),
    )


def _several(notice: Notice, told: dict[str, Any]) -> Chat:
    """Of several incidents: one message that stands for itself, with a line for each; nothing hangs below it."""
    mark = MARKS[notice.incident.severity if notice.incident.state is State.OPEN else Severity.OK]
    head = Part(lead=told["subject"] if notice.drill else f"{mark} {told['subject']}")
    lines = [
        part
        for section in told["sections"]
        for part in (Part(lead=section.title), *(Part(lead=one.number, text=one.text, link=one.link) for one in section.lines))
    ]
    whole = (head, *_story(told), *lines, *_paragraph(" ".join(told["foot"])))
    return Chat(overview=whole, details=(), news=whole, brief=(head,), whole=whole, cut=_cut_word(notice))


def _mark(notice: Notice) -> str:
    if notice.drill:
        return f"{WORD} {TEST_MARK}"
    if is_test(notice.incident):
        return TEST_MARK
    if notice.moved:
        return MARKS[Severity.INFO]
    well = notice.kind is Telling.CLOSED or notice.incident.state in {State.CLEARING, State.CLOSED}
    return MARKS[Severity.OK if well else notice.incident.severity]


def _state(notice: Notice, told: dict[str, Any]) -> str:
    """How it is now, in a word: never by colour alone."""
    labels: dict[str, str] = told["labels"]
    if notice.kind is Telling.CLOSED or notice.moved:
        return str(told["word"])
    if is_test(notice.incident):
        return labels["test"]
    return labels["clearing"] if notice.incident.state is State.CLEARING else labels[notice.incident.severity]


def _story(told: dict[str, Any]) -> Parts:
    return tuple(_piece(piece) for piece in told["story"])


def _what_to_do(told: dict[str, Any]) -> Parts:
    steps = tuple(_piece(piece) for piece in told["runbook"])
    return (Part(lead=told["labels"]["runbook"]), *steps) if steps else ()


def _piece(piece: Piece) -> Part:
    return Part(text=f"{piece.number}. {piece.text}" if piece.number else piece.text, fixed=piece.commands)


def _away(told: dict[str, Any], as_of: str) -> Parts:
    if not told["outages"].rows:
        return ()
    return (Part(lead=told["labels"]["outages"], text=as_of, fixed=tuple(aligned(told["outages"], told["labels"]))),)


def _involved(told: dict[str, Any]) -> Parts:
    return _paragraph(f"{told['labels']['involved']}: {told['involved']}." if told["involved"] else "")


def _paragraph(text: str) -> Parts:
    return (Part(text=text),) if text else ()


def _cut_word(notice: Notice) -> Part:
    """A message that is cut leads to the rest, wherever the cut is."""
    labels = words.LABELS[notice.language]
    if notice.link:
        return Part(text=labels["cut_on_page"], link=notice.link)
    return Part(text=labels["cut"].format(notice.incident_id) if notice.incident_id else labels["cut_unnumbered"])


def fit(parts: Iterable[Part], limit: int, size: Callable[[Sequence[Part]], int], last: Part) -> Parts:
    """As many parts as fit into `limit`, measured by `size` of them as they will be sent; `last` says that more was cut."""
    wanted = tuple(parts)
    if size(wanted) <= limit:
        return wanted
    kept: list[Part] = []
    for part in wanted:
        if size([*kept, part, last]) > limit:
            return (*kept, *_shortened(part, partial(_fits, before=kept, behind=last, limit=limit, size=size)), last)
        kept.append(part)
    return (*kept, last)


def _fits(part: Part, before: list[Part], behind: Part, limit: int, size: Callable[[Sequence[Part]], int]) -> bool:
    return size([*before, part, behind]) <= limit


def _shortened(part: Part, fits: Callable[[Part], bool]) -> list[Part]:
    """Whole lines go first, so that no command is half a command; then half of the words, and again."""
    while part.fixed and not fits(part):
        part = msgspec.structs.replace(part, fixed=part.fixed[:-1])
    while part.text and not fits(part):
        part = msgspec.structs.replace(part, text=part.text[: len(part.text) // 2].rstrip())
        part = msgspec.structs.replace(part, text=f"{part.text}…" if len(part.text) > 1 else "")
    return [part] if (part.lead or part.text or part.fixed) and fits(part) else []


def plain(parts: Iterable[Part]) -> str:
    """Without markup: for notifications, and for programs that show none. An address has a line of its own."""
    return "\n\n".join(_plain_part(part) for part in parts)


def _plain_part(part: Part) -> str:
    head = ": ".join(text for text in (part.lead, part.text) if text)
    return "\n".join([*filter(None, (head, part.link)), *(f"    {line}" for line in part.fixed)])

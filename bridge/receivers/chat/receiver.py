"""A bell that can change what it showed: what its products share, and what each of them must know."""

import abc
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

import msgspec

from bridge.core.telling.notice import Delivered, GiveUp, Notice, TryLater, Verdict
from bridge.receivers import TRIED
from bridge.receivers.chat.message import Message, Refused
from bridge.receivers.chat.steps import Steps
from bridge.receivers.chat.telling import ChatTelling
from bridge.receivers.settings import check_timeout, check_url, check_zone
from bridge.receivers.web import Answer, NoAnswer, Web, one_line
from bridge.secret import Secret, SecretError
from bridge.texts.chat import Part, chat

MOST_KEPT: Final = 1000
OF_THE_PLACE: Final = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405, 410})
"""Statuses that complain of the address, the token or the room, not of this message: a person corrects that, and then what was
not told must go out."""


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every chat's table has. `timeout` is for all that one notice needs."""

    url: str
    token: Secret
    mention: bool = False
    timeout: timedelta = timedelta(seconds=30)
    ca_file: Path | None = None
    time_zone: str = "UTC"

    example: ClassVar[str] = "https://chat.example.com"

    def __post_init__(self) -> None:
        check_url(self.url, self.example)
        check_timeout(self.timeout)
        check_zone(self.time_zone)


class ChatReceiver(abc.ABC):
    """A bell that can change what it showed. Subclasses know one product."""

    in_place = True
    limit: int
    """How long a message may be, as `size` measures it."""

    def __init__(self, name: str, settings: ChatSettings) -> None:
        self._name = name
        self._settings = settings
        self._zone = ZoneInfo(settings.time_zone)
        self._begun: dict[int, dict[str, str]] = {}
        self._unsure: dict[str, int] = {}
        self._until = 0.0

    # --- what a product does -----------------------------------------------------------------------------------------

    @abc.abstractmethod
    def post(self, message: Message, key: str, notice: Notice, *, again: bool) -> str:
        """The id of the new message; `again` when it may be there already. Raises Refused, NoAnswer."""

    @abc.abstractmethod
    def edit(self, message_id: str, message: Message, key: str) -> None:
        """Raises Gone, Fixed, Refused, NoAnswer."""

    @abc.abstractmethod
    def size(self, parts: Sequence[Part]) -> int: ...

    # --- telling -----------------------------------------------------------------------------------------------------

    def deliver(self, notice: Notice, memory: Mapping[str, str]) -> Verdict:
        # What waits may be told as another notice meanwhile: it is the thread that may have something already.
        again = TRIED in memory or notice.thread in self._unsure
        done = self._begun.setdefault(notice.id, {})
        self._until = time.monotonic() + self._settings.timeout.total_seconds()
        text = chat(notice, self._zone)
        steps = Steps(self, notice, text.cut, done, again=again)
        try:
            verdict: Verdict = ChatTelling(steps, notice, text, memory, mention=self._settings.mention).tell()
        except Refused as refused:
            verdict = refused.verdict
        except (NoAnswer, SecretError) as error:
            verdict = TryLater(str(error))
        if isinstance(verdict, TryLater):
            self._unsure[notice.thread] = notice.id
        else:
            del self._begun[notice.id]
        if isinstance(verdict, Delivered):
            self._unsure.pop(notice.thread, None)
        _forget_the_oldest(self._begun)
        _forget_the_oldest(self._unsure)
        return verdict

    def close(self) -> None:
        if "web" in self.__dict__:
            self.web.close()

    # --- for subclasses ----------------------------------------------------------------------------------------------

    @cached_property
    def web(self) -> Web:
        """Made when it is first needed: until then nobody asks for the token."""
        settings = self._settings
        ca_file = str(settings.ca_file) if settings.ca_file else None
        return Web(deadline=settings.timeout, ca_file=ca_file, secrets=[settings.token.reveal()])

    def call(self, method: str, path: str, **how: Any) -> Answer:
        """With the token, within what is left of the time. Raises NoAnswer."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise NoAnswer(f"not done within {self._settings.timeout.total_seconds():g} s: {self._settings.url}")
        headers = {"Authorization": f"Bearer {self._settings.token.reveal()}", **how.pop("headers", {})}
        url = self._settings.url.rstrip("/") + path
        return self.web.request(method, url, headers=headers, deadline=timedelta(seconds=left), **how)

    def refusal(self, answer: Answer, said: str = "", cure: str = "") -> Refused:
        """What a status means by itself, with the product's own words and our cure."""
        verdict = self.web.verdict(answer)
        why = f"{answer.status} from {answer.where}: {said}" if said else verdict.why
        why = self.web.scrub(f"{one_line(why)}; {cure}" if cure else one_line(why))
        if isinstance(verdict, TryLater):
            return Refused(TryLater(why, verdict.after), passing=True)
        if isinstance(verdict, Delivered):
            return Refused(TryLater(f"{why}: that is no answer of this kind of server; is url right?"), passing=True)
        return Refused(TryLater(why) if answer.status in OF_THE_PLACE else GiveUp(why))


def _forget_the_oldest(kept: dict[Any, Any]) -> None:
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]

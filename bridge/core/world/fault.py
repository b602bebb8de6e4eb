"""A fault: something in Quorumbell itself raised. It is told, and what it happened to is set aside; nothing else stops."""

import traceback

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`where` is the room it happened in, `about` the subject or incident at hand; `what` the error in one line, `trace` all of
    it; `uid` the report it was met with."""

    where: str
    about: str = ""
    what: str
    trace: str
    uid: bytes | None = None

    @property
    def kind(self) -> tuple[str, str]:
        """What makes two faults the same: the room, and the line of ours that raised."""
        lines = [line for line in self.trace.splitlines() if line.lstrip().startswith("File ")]
        return self.where, lines[-1].strip() if lines else self.what

    @property
    def place(self) -> str:
        """Where, and about what."""
        return f"{self.where} ({self.about})" if self.about else self.where

    @property
    def why(self) -> str:
        """For whoever asks what became of the report."""
        return f"set aside: an error of Quorumbell itself while it was {self.place} ({self.what})"


def fault(where: str, error: Exception, uid: bytes | None = None, *, about: str = "") -> Fault:
    """`where` goes on after "while it was": `understood`, `told`. The text of an error may hold a whole report: it is cut."""
    what = f"{type(error).__name__}: {error}"[:300]
    return Fault(
        where=where, about=about, what=what, trace="".join(traceback.format_exception(error, limit=-12))[-4000:], uid=uid
    )

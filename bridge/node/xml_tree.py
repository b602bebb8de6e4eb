"""XML of Pacemaker's tools, read as it comes into a small tree. What no such tool prints is refused before it can cost anything:
document types and entities, endless depth, elements without end."""

from __future__ import annotations

from typing import Any, Final
from xml.parsers import expat

MOST_ELEMENTS: Final = 40_000
"""A cluster of a thousand resources on sixteen nodes; a tree of that size takes 20 MB."""
MOST_DEPTH: Final = 40
WITH_TEXT: Final = frozenset({"error"})
"""Elements of which the text is kept, and how much of it."""
MOST_TEXT: Final = 300


class NotXml(ValueError):  # noqa: N818 - said as it is
    """No XML, or none that such a tool prints; the text says why."""


class Element:
    __slots__ = ("children", "tag", "text", "values")

    def __init__(self, tag: str, values: dict[str, str]) -> None:
        self.tag = tag
        self.values = values
        self.children: list[Element] = []
        self.text = ""

    def get(self, name: str, otherwise: str = "") -> str:
        return self.values.get(name, otherwise)

    def all(self, *tags: str) -> list[Element]:
        """Of the children, those of these kinds."""
        return [child for child in self.children if child.tag in tags]

    def first(self, tag: str) -> Element:
        """The first child of a kind; an empty element when there is none."""
        return next((child for child in self.children if child.tag == tag), Element(tag, {}))


class Tree:
    """Feed it, then ask for the root. `skipped` are elements that nobody asks about."""

    def __init__(self, skipped: frozenset[str] = frozenset()) -> None:
        self._skipped = skipped
        self._top = Element("", {})
        self._path = [self._top]
        self._count = 0
        self._wrong = ""
        self.fed = False
        """Whether there was anything."""
        self._parser: Any = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._said
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def feed(self, data: bytes) -> None:
        """What comes after a fault is not looked at."""
        self.fed = True
        self._parse(data, last=False)

    def root(self) -> Element:
        """Raises NotXml unless all of it was there."""
        self._parse(b"", last=True)
        if self._wrong:
            raise NotXml(self._wrong)
        return self._top.children[0]

    @property
    def begun(self) -> bool:
        """Whether there was an element at all."""
        return self._count > 0

    def _parse(self, data: bytes, *, last: bool) -> None:
        if self._wrong:
            return
        try:
            self._parser.Parse(data, last)
        except (expat.ExpatError, NotXml) as wrong:
            self._wrong = str(wrong)

    def _start(self, tag: str, values: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._path) > MOST_DEPTH:
            raise NotXml(f"more than {MOST_ELEMENTS} elements, or {MOST_DEPTH} in one another")
        element = Element(tag, values)
        if tag not in self._skipped:
            self._path[-1].children.append(element)
        self._path.append(element)

    def _end(self, _tag: str) -> None:
        self._path.pop()

    def _said(self, text: str) -> None:
        here = self._path[-1]
        if here.tag in WITH_TEXT:
            here.text = (here.text + text)[:MOST_TEXT]

    def _refuse(self, *_: object) -> None:
        raise NotXml("a document type or an entity, which no tool of Pacemaker prints")

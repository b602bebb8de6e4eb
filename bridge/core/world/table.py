"""A table of facts is declared once, with the type of its values: `STANDBY: Final = Table("standby", bool)`.

A rule names a table by its declaration, so mypy knows what it reads and writes, and a name that nobody declared raises. A
checkpoint reads the values of a table by the declared type.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Generic, Self, TypeVar

V = TypeVar("V")
DAY: Final = timedelta(days=1)


class Table(str, Generic[V]):  # a str, so that it stands in a key, and is hashed, as its name
    """The name of a table, and what is declared of it."""

    __slots__ = ("aside", "goes_with", "kept", "of")

    of: type[V]
    goes_with: "Table[Any] | None"
    """The table with whose fact of the same name its own is forgotten."""
    kept: timedelta
    """How long after it has passed a fact of a table is kept whose facts pass (Journal.let_pass)."""
    aside: "Aside | None"
    """What else the journal keeps up to date when a fact changes."""

    def __new__(
        cls,
        name: str,
        of: type[V],
        *,
        aside: "Aside | None" = None,
        goes_with: "Table[Any] | None" = None,
        kept: timedelta = DAY,
    ) -> Self:
        if name in TABLES:
            raise ValueError(f"the table {name} is declared twice")
        table = super().__new__(cls, name)
        table.of, table.aside, table.goes_with, table.kept = of, aside, goes_with, kept
        TABLES[name] = table
        return table


Key = tuple[Table[Any], *tuple[str, ...]]
"""The table of a fact, and whose it is."""
Aside = Callable[[Any, Key, Any, Any], None]
"""Called with the journal, the key, the new value and the old one; None where there is none."""
TABLES: Final[dict[str, Table[Any]]] = {}
"""All that are declared, by name."""

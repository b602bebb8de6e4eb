"""A value that is never printed, and the one place that knows what must not be printed."""

import os
import stat
from pathlib import Path
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "***"
SHORTEST: Final = 4
"""Shorter secrets are not blanked out of texts: a one-letter password would blank every word."""

_known: dict[str, None] = {}


class SecretError(ValueError):
    """A secret cannot be had. `elsewhere`: it may well be there for the service, only not for who asks now."""

    def __init__(self, text: str, *, elsewhere: bool = False) -> None:
        super().__init__(text)
        self.elsewhere = elsewhere


class Secret:
    """`"literal"`, `{env = "NAME"}`, `{file = "/path"}` or `{credential = "name"}` (systemd's LoadCredential=).

    It is fetched when it is first revealed, so that commands which send nothing need no access to it.
    """

    __slots__ = ("_value", "origin", "place")

    def __init__(self, origin: str, place: str) -> None:
        self.origin = origin
        self.place = HIDDEN if origin == "literal" else place
        self._value: str | None = None
        if origin == "literal":
            self._value = _remember(place)

    @classmethod
    def literal(cls, value: str) -> "Secret":
        return cls("literal", value)

    def reveal(self) -> str:
        if self._value is None:
            self._value = _remember(_checked(_FETCH[self.origin](self.place), f"{self.origin} {self.place}"))
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.origin, self.place, self._value) == (other.origin, other.place, other._value)

    def __hash__(self) -> int:
        return hash((self.origin, self.place))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not copied to other processes")


def parse(value: object, folder: Path) -> Secret:
    """What stands in the config, as a Secret; a relative file lies beside the config."""
    if isinstance(value, str):
        return Secret.literal(_checked(value, "the text"))
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _FETCH:
        raise SecretError('must be text, {env = "NAME"}, {file = "/path"} or {credential = "name"}; write one of the four')
    ((origin, place),) = value.items()
    if not isinstance(place, str) or not place:
        raise SecretError(f'{origin} must be text; write {{{origin} = "…"}}')
    if origin == "credential" and "/" in place:
        raise SecretError("a credential is a name without a slash; write the name that LoadCredential= gives it")
    return Secret(origin, str(folder / place) if origin == "file" else place)


def redact(text: str) -> str:
    """The text with every secret that was ever revealed blanked out."""
    for value in _known:
        if value in text:
            text = text.replace(value, HIDDEN)
    return text


def exposed(path: Path) -> bool:
    """Whether anybody on this machine may read the file."""
    return bool(path.stat().st_mode & stat.S_IROTH)


def _remember(value: str) -> str:
    forms = {value, quote(value), quote(value, safe="")}
    for form in sorted(forms, key=len, reverse=True):  # longest first: a shorter form inside it would spoil it
        if len(form) >= SHORTEST:
            _known[form] = None
    return value


def _checked(value: str, where: str) -> str:
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise SecretError(f"{where} is empty; put the secret there")
    if "\0" in value or "\n" in value:
        raise SecretError(f"{where} holds more than one line; put the secret there alone")
    return value


def _from_env(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise SecretError(f"the environment has no {name}; set it for the service, or use credential =", elsewhere=True) from None


def _from_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except PermissionError as error:
        raise SecretError(f"{path}: may not be read; give it to the user of the service", elsewhere=os.geteuid() != 0) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{path}: {getattr(error, 'strerror', None) or 'is not UTF-8'}; put the secret there") from error


def _from_credential(name: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise SecretError(
            f"credential {name} is only there inside the systemd unit; add LoadCredential={name}:/path to the unit",
            elsewhere=True,
        )
    return _from_file(str(Path(folder) / name))


_FETCH: Final = {"env": _from_env, "file": _from_file, "credential": _from_credential}

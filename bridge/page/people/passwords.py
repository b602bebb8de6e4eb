"""What opens a door, and how it is kept: passwords by scrypt, everything that is random by a plain hash."""

import base64
import hashlib
import hmac
import os
import re
import secrets
from typing import Final, NamedTuple

SHORTEST: Final = 10
LONGEST: Final = 200
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
"""Of people and tokens. No space and no bracket: behind a name the bridge is told where it comes from."""


class Unfit(ValueError):  # noqa: N818 - the name of the mistake
    """A name or a password that cannot be; says the cure."""


class Cost(NamedTuple):
    """Of scrypt, as OWASP's cheat sheet on storing passwords names it: 128 * n * r bytes of memory, p times one after another."""

    n: int = 1 << 13
    r: int = 8
    p: int = 10


USUAL: Final = Cost()


def name_of(text: str) -> str:
    """Capital letters make no difference. Raises Unfit."""
    name = text.strip().lower()
    if not NAME.fullmatch(name):
        raise Unfit(f"{text!r} is no name; write letters without accents, digits and . _ @ -, at most 64")
    return name


def kept(password: str, cost: Cost = USUAL) -> str:
    """As the ledger keeps it, with all that is needed to check it. Raises Unfit."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Unfit(f"a password has {SHORTEST} to {LONGEST} characters")
    salt = os.urandom(16)
    return f"scrypt:{cost.n}:{cost.r}:{cost.p}:{_text(salt)}:{_text(_scrypt(password, salt, cost))}"


def fits(password: str, record: str) -> bool:
    """A record of nobody, or of one without a password, fits nothing, and takes as long to say so."""
    if len(password) > LONGEST:
        return False
    kind, _, rest = record.partition(":")
    if kind != "scrypt":
        _scrypt(password, b"nobody's", USUAL)
        return False
    n, r, p, salt, wanted = rest.split(":")
    found = _scrypt(password, base64.b64decode(salt), Cost(int(n), int(r), int(p)))
    return hmac.compare_digest(found, base64.b64decode(wanted))


def secret() -> str:
    """For a cookie or a token: 256 bits, which nobody guesses."""
    return secrets.token_urlsafe(32)


def hash_of(word: str) -> bytes:
    """What the ledger keeps of a secret: of what nobody can guess, a plain hash says nothing."""
    return hashlib.sha256(word.encode(errors="replace")).digest()


def word_of(word: str) -> str:
    """What the forms of a session carry: nobody can make it who does not have its cookie."""
    return hmac.digest(word.encode(errors="replace"), b"quorumbell form", "sha256").hex()


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    room = 65_536 + 256 * cost.n * cost.r  # OpenSSL wants a little more than the 128 * n * r that it uses
    return hashlib.scrypt(password.encode(errors="replace"), salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=room, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()

"""The cookies of the page: of a session its secret, and before there is one, of the login's form."""

from datetime import timedelta
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Send

from bridge.page.people.visitor import Visitor


def names(visitor: Visitor) -> tuple[str, str]:
    """Of the session's cookie, and of that of the login's form. One with __Host- nobody else can set."""
    before = "__Host-" if visitor.tls else ""
    return f"{before}quorumbell", f"{before}quorumbell-form"


def cookies_of(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie("; ".join(headers.getlist("cookie"))).items()}
    except CookieError:
        return {}


def baked(send: Send, name: str, value: str, length: timedelta, *, tls: bool) -> Send:
    """The answer sets this cookie, unless it sets it already."""
    line = _line(name, value, length, tls=tls)

    async def _send(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if not any(one.startswith(f"{name}=") for one in headers.getlist("set-cookie")):
                headers.append("set-cookie", line)
        await send(message)

    return _send


def set_session(response: Response, visitor: Visitor, word: str, length: timedelta) -> None:
    """In a login's answer; without a word, in a logout's."""
    line = _line(names(visitor)[0], word, length if word else timedelta(0), tls=visitor.tls)
    response.headers.append("set-cookie", line)


def _line(name: str, value: str, length: timedelta, *, tls: bool) -> str:
    seconds = int(length.total_seconds())
    return f"{name}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if tls else ''}"

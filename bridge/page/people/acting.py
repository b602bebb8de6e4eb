"""What the views of this room share: the fields of a form, and how an act is done and told."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.config.fields import duration
from bridge.config.findings import Wrong
from bridge.core.world.event import to_us
from bridge.page.people.backs import path_of_ours
from bridge.page.people.entry import Entry
from bridge.page.render import person_of
from bridge.page.words import word
from bridge.serve.control import OF_PAGE, SHORT, Asked


def field(request: Request, name: str, otherwise: str = "") -> str:
    """Of the form, which the guard has read; the first when there are several."""
    found: list[str] = request.scope["form"].get(name, [])
    return found[0].strip() if found else otherwise


def entry_of(request: Request) -> Entry:
    found: Entry = request.scope["entry"]
    return found


def author_of(request: Request) -> str:
    """Under which name the bridge writes down what somebody does here."""
    return f"{person_of(request).name}{OF_PAGE}"


def comment_of(text: str) -> str:
    """One line, as long as the bridge takes."""
    return " ".join(text.split())[:SHORT]


def matchers_in(text: str) -> tuple[str, ...]:
    """One on each line."""
    return tuple(line for line in map(str.strip, text.splitlines()) if line)


def until_us(text: str, request: Request) -> int:
    """After so long, like `2h`; by the machine's clock. Raises Wrong."""
    length = duration(text)
    if length <= timedelta(0):
        raise Wrong(f'"{text}" is no time at all; write it like "30m", "4h" or "1h30m"')
    return to_us(entry_of(request).clock() + length)


async def act(request: Request, what: Asked, done: str) -> Response:
    """Has the bridge do it, and leads back to where the form stood; there `done`, a word of the page, is shown once."""
    answer = await request.app.state.site.ask(what)
    return back(request, word(person_of(request).language, done, **answer))


def back(request: Request, text: str, *, wrong: bool = False) -> Response:
    entry_of(request).say(person_of(request).csrf, text, wrong=wrong)
    return RedirectResponse(path_of_ours(field(request, "back")), 303)

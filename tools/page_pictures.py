"""Pictures of the page's first sight for docs/: made scenes, a real Chromium. `python -m tools.page_pictures docs/pictures`"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from playwright.sync_api import Browser, sync_playwright

from bridge.core.world.event import to_us
from bridge.page.person import Person
from tests.page.scenes import NOW, Place, node_lost, planned, several, silent, well
from tests.page.served import Served
from tests.waiting import eventually

PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}
WIDE = {"viewport": {"width": 1440, "height": 900}}
WALL = {"viewport": {"width": 1920, "height": 1080}}


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for language in ("en", "de"):
            with night(language) as url:
                take(browser, url, folder / f"now-wide-{language}.png", WIDE, "light", whole=True)
                take(browser, url, folder / f"now-phone-{language}.png", PHONE, "dark")
            with calm(language) as url:
                take(browser, f"{url}/?wall=1", folder / f"now-wall-{language}.png", WALL, "dark")
            with away(language) as url:
                take(browser, url, folder / f"now-unknown-{language}.png", WIDE, "light")
        browser.close()


def take(browser: Browser, url: str, to: Path, size: dict, scheme: str, *, whole: bool = False) -> None:
    context = browser.new_context(**size, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".cluster")
    page.screenshot(path=to, full_page=whole)
    context.close()
    print(to)


@contextmanager
def night(language: str) -> Iterator[str]:
    """A node is lost in one cluster, another is worked on, a third says nothing, and somebody sits at the fourth."""
    with tempfile.TemporaryDirectory() as home:
        place = Place(home)
        place.commit(well("berlin"), well("hamburg"), well("koeln"), well("wien", ("alpha", "bravo", "charlie")))
        place.commit(node_lost(), planned("hamburg"), silent("koeln"), several())
        place.deliver(1, 2, 3)
        place.bridge.words["acknowledged"] = {"x/taken": "berta"}
        until = to_us(NOW + timedelta(hours=3))
        place.bridge.silences = [
            {"id": "1", "matchers": ['root="resource/db"'], "author": "carl", "comment": "", "until_us": until},
            {
                "id": "2",
                "matchers": ['cluster="hamburg"', 'root=~"(node|fencing|relay)/n2"'],
                "author": "anna (page)",
                "comment": "new memory",
                "until_us": until,
                "planned": "node=n2",
            },
        ]
        yield from seen(place, language)


@contextmanager
def calm(language: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as home:
        place = Place(home)
        place.commit(well("berlin"), well("hamburg"), well("wien", ("alpha", "bravo", "charlie")))
        yield from seen(place, language)


@contextmanager
def away(language: str) -> Iterator[str]:
    """The bridge does not run."""
    with tempfile.TemporaryDirectory() as home:
        place = Place(home)
        place.commit(well("berlin"), well("hamburg"))
        bridge = msgspec.structs.replace(place.config.bridge, control=Path("/run/quorumbell/control.sock"))
        place.config = msgspec.structs.replace(place.config, bridge=bridge)
        yield from seen(place, language)


def seen(place: Place, language: str) -> Iterator[str]:
    person = Person(name="anna", role="operator", language=language, zone="Europe/Berlin", csrf="x")
    served = Served(place.config, person)
    try:
        eventually(lambda: served.site.watch.seen.overview)
        yield served.url
    finally:
        served.close()
        place.close()


if __name__ == "__main__":
    main()

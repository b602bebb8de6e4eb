"""Pictures of incidents and of the history for docs/: recordings of real faults, a real Chromium.
`python -m tools.story_pictures docs/pictures`"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bridge.core.world.event import to_us
from bridge.page.person import Person
from tests.page.scenes import StandIn
from tests.page.served import Served
from tests.page.story.conftest import Told
from tests.waiting import eventually
from tools.page_pictures import PHONE, WALL, WIDE

RECORDINGS = Path("tests/judge/recordings")
NOW = datetime(2026, 11, 24, 3, 12, 45, tzinfo=UTC)
PLAYED = (
    ("alpha", "fence-admin.json", timedelta(days=19)),
    ("kvm", "lab-host-crash-guest-returns.json", timedelta(days=15)),
    ("storage", "9.2.16-split-brain", timedelta(days=9)),
    ("kvm", "lab-guest-restart-fails.json", timedelta(days=4, hours=3)),
    ("alpha", "lab-dc-lost.json", timedelta(hours=30)),
    ("db", "field-promoted-nowhere.json", timedelta(minutes=25)),
)
"""In which cluster, what, and how long ago it began; the last one is open."""


def main() -> None:
    folder = Path(sys.argv[1])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with story("en") as (url, number):
            take(browser, f"{url}/incidents", folder / "incidents-wide-en.png", WIDE, "light")
            take(browser, f"{url}/incidents/{number}", folder / "incident-wide-en.png", WIDE, "light", height=1500)
            take(browser, f"{url}/history", folder / "history-wide-en.png", WIDE, "light")
        with story("de") as (url, number):
            take(browser, f"{url}/incidents", folder / "incidents-phone-de.png", PHONE, "light")
            take(browser, f"{url}/incidents/{number}", folder / "incident-phone-de.png", PHONE, "light", height=1600)
            take(browser, f"{url}/incidents/{number}", folder / "incident-wall-dark-de.png", WALL, "dark")
            take(browser, f"{url}/history", folder / "history-phone-dark-de.png", PHONE, "dark")
        browser.close()


def take(browser: Browser, url: str, to: Path, size: dict, scheme: str, *, height: int = 0) -> None:
    context = browser.new_context(**size, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    if height:
        page.set_viewport_size({"width": size["viewport"]["width"], "height": height})
    page.goto(url)
    page.wait_for_selector("main h1")
    page.screenshot(path=to)
    context.close()
    print(to)


@contextmanager
def story(language: str) -> Iterator[tuple[str, int]]:
    """Some weeks of several clusters; the page's address, and the number of what is open, which berta has taken."""
    with tempfile.TemporaryDirectory() as home:
        told = Told(Path(home))
        for cluster, recording, ago in PLAYED:
            told.play(RECORDINGS / recording, cluster, NOW - ago)
        told.until(NOW)
        number, newest = told.ledger.incidents(limit=1)[0]
        told.ledger.close()
        bridge = StandIn(told.config.bridge.control)
        bridge.words |= {"now_us": to_us(NOW), "acknowledged": {newest.key: "berta (page)"}}
        served = Served(told.config, Person(name="anna", role="operator", language=language, zone="Europe/Berlin", csrf="x"))
        try:
            eventually(lambda: served.site.watch.seen.overview)
            yield served.url, number
        finally:
            served.close()
            bridge.close()


if __name__ == "__main__":
    main()

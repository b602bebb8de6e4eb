"""Pictures of the login, planned work and a person's own for docs/. `python -m tools.people_pictures docs/pictures`"""

import asyncio
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from bridge.core.telling.planned import matchers_of
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, Subject, to_us
from bridge.ledger.ledger import Commit
from tests.ledger.conftest import Make
from tests.page.people.conftest import PASSWORD
from tests.page.people.conftest import Page as People
from tests.servers.ports import free_port
from tests.waiting import eventually
from tools.page_pictures import PHONE, WIDE

SUBJECTS = ("node/n1", "node/n2", "node/n3", "guest/vm-a", "resource/web", "drbd/r0")
PREVIEW = "/silences/preview?cluster=berlin&what=node%3Dn3&length=2h&comment=new+memory"
NOW = datetime.now(UTC).replace(hour=3, minute=12, second=45, microsecond=0)


def main() -> None:
    folder = Path(sys.argv[1])
    with people() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for language, name in (("en", "anna"), ("de", "berta")):
            phone, wide = look(browser, PHONE, "dark", language), look(browser, WIDE, "light", language)
            phone.goto(f"{url}/planned")
            picture(phone, folder / f"login-phone-{language}.png")
            for page, size in ((phone, "phone"), (wide, "wide")):
                log_in(page, url, name)
                for view, path in (("planned", "/planned"), ("preview", PREVIEW), ("account", "/account")):
                    page.goto(url + path)
                    picture(page, folder / f"{view}-{size}-{language}.png")
        browser.close()


def look(browser: Browser, size: dict, scheme: str, language: str) -> Page:
    return browser.new_context(**size, color_scheme=scheme, locale=language).new_page()


def log_in(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/planned")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    page.wait_for_url("**/planned")


def picture(page: Page, to: Path) -> None:
    page.screenshot(path=to, full_page=True)
    print(to)


@contextmanager
def people() -> Iterator[str]:
    """Two who may act; a node is worked on, a cluster is silenced, and something is open."""
    with tempfile.TemporaryDirectory() as home:
        place = People(Path(home))
        place.now = NOW
        for name, language in (("anna", "en"), ("berta", "de")):
            place.add(name, "operator", language=language, zone="Europe/Berlin")
        fill(place)
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(place.app, port=port, log_config=None, lifespan="off", proxy_headers=False))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
        thread.start()
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = server.force_exit = True
        thread.join(20)
        place.close()


def fill(place: People) -> None:
    make = Make()
    often = {"cluster": "berlin", "changed_at": NOW}
    incidents = [
        make.incident("a", **often, opened_at=NOW - timedelta(minutes=7)),
        make.closed(make.incident("b", **often, opened_at=NOW - timedelta(days=2)), NOW - timedelta(days=1)),
    ]
    conditions = [
        Condition(cluster="berlin", subject=Subject(one), severity=Severity.OK, since=NOW, why="well") for one in SUBJECTS
    ]
    reports = [make.report(cluster=cluster, at=NOW, received_at=NOW) for cluster in ("berlin", "hamburg")]
    place.ledger.commit(Commit(now=NOW, incidents=incidents, conditions=conditions, reports=reports))
    work = {"id": "5eed0001", "author": "anna (page)", "until_us": to_us(NOW + timedelta(hours=2))}
    place.site.answers["Silences"] = {
        "silences": [
            work | {"matchers": matchers_of("berlin", "node=n3"), "comment": "new memory", "planned": "node=n3"},
            work | {"matchers": ['cluster="hamburg"', 'kind=~"replica-.*"'], "comment": "rebuilt today", "planned": ""},
        ]
    }


if __name__ == "__main__":
    main()

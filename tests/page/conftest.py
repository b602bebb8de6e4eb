"""A real browser: Debian's Chromium. One for each file of tests, since while it is open no other loop may run in its thread."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.missing import missing


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium")
    if path is None:
        missing("chromium is not here: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()

"""What a test needs and this machine does not have."""

import os
from typing import NoReturn

import pytest


def missing(why: str) -> NoReturn:
    """A failure where tests must not pretend (CI is set), else a loud skip. `why` names the cure."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)

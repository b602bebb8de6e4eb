"""What is tried over and over: all of it in CI, a part that is always the same on a developer's machine."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from bridge.texts import take_broken

settings.register_profile("quorumbell", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("quorumbell")
IN_CI = bool(os.environ.get("CI"))


def times(count: int) -> int:
    """How often something is tried or done."""
    return count if IN_CI else max(count // 8, 1)


def examples(count: int, **more: int) -> settings:
    return settings(max_examples=times(count), **more)


def pytest_collection_modifyitems(config, items):
    """Of the cases of a test that is marked `many` one in four, unless a case or a test is named: next to no fault needs all."""
    if IN_CI or any("::" in one for one in config.args):
        return
    seen = Counter()
    left_out = []
    for one in items:
        if one.get_closest_marker("many"):
            seen[one.function] += 1
            if seen[one.function] % 4 != 1:
                left_out.append(one)
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [one for one in items if one not in gone]


@pytest.fixture(autouse=True)
def no_broken_text_is_left():
    """A process keeps the errors of its texts until somebody shows them: one test's are not another's."""
    yield
    take_broken()

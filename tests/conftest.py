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
    """Whoever runs all tests by hand gets one in four of the cases of a test that is marked `many`, and one in three of the tests of
    a file that is marked `whole`; whoever names a folder, a file or a test gets all of it."""
    if IN_CI or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    seen = Counter()
    left_out = []
    for one in items:
        for mark, kind, share in (("many", one.function, 4), ("whole", one.path, 3)):
            if one.get_closest_marker(mark):
                seen[kind] += 1
                if seen[kind] % share != 1:
                    left_out.append(one)
                    break
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [one for one in items if one not in gone]


@pytest.fixture(autouse=True)
def no_broken_text_is_left():
    """A process keeps the errors of its texts until somebody shows them: one test's are not another's."""
    yield
    take_broken()

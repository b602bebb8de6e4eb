"""Property tests try the same examples everywhere: all of them in CI, a quarter on a developer's machine."""

import os

import pytest
from hypothesis import HealthCheck, settings

from bridge.texts import take_broken

settings.register_profile("quorumbell", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("quorumbell")


def examples(count: int, **more: int) -> settings:
    return settings(max_examples=count if os.environ.get("CI") else count // 4, **more)


@pytest.fixture(autouse=True)
def no_broken_text_is_left():
    """A process keeps the errors of its texts until somebody shows them: one test's are not another's."""
    yield
    take_broken()

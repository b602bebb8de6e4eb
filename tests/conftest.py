"""Property tests try the same examples everywhere: all of them in CI, a quarter on a developer's machine."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("quorumbell", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("quorumbell")


def examples(count: int, **more: int) -> settings:
    return settings(max_examples=count if os.environ.get("CI") else count // 4, **more)

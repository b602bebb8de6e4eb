"""What every receiver's tests need: a certificate authority, and notices of one incident."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec
import pytest

from bridge.core.telling.notice import Delivered, Notice, Telling, Verdict
from bridge.core.world.incident import Kind
from bridge.receivers import Receiver
from tests.servers.certificates import Signed, make_authority, sign
from tools.notices import bundle, notice

# Their assertions tell as much as those that stand in a test file.
pytest.register_assert_rewrite("tests.receivers.kit", "tests.receivers.stories")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def signed(authority: Path) -> Signed:
    return sign(authority.parent, "server")


@pytest.fixture(scope="session")
def signed_for_another(authority: Path) -> Signed:
    return sign(authority.parent, "another", "DNS:mail.example.com")


@pytest.fixture
def told() -> Callable[..., Notice]:
    def make(telling: Telling = Telling.OPENED, kind: Kind = Kind.NODE_FAILURE, language: str = "en", **fields: object) -> Notice:
        made = bundle(telling, language) if telling.bundles else notice(kind, telling, language)
        inside = {
            name: fields.pop(name)
            for name in ("facts", "cluster", "key", "root", "outages", "state", "severity", "absorbed_into")
            if name in fields
        }
        return msgspec.structs.replace(made, incident=msgspec.structs.replace(made.incident, **inside), **fields)

    return make


@pytest.fixture
def tell(told) -> Callable[..., Verdict]:
    """Delivers notices of one incident in turn, with what was remembered of the earlier ones, as the outbox does."""
    memory: dict[str, str] = {}
    numbers = count(1000)

    def one(bell: Receiver, *about: object, **fields: object) -> Verdict:
        verdict = bell.deliver(told(*about, **({"id": next(numbers)} | fields)), memory)
        if isinstance(verdict, Delivered):
            memory.update(verdict.remember)
        return verdict

    return one

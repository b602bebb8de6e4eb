"""The connection to PostgreSQL: the one writer's lock, what is kept through a power cut, and how a server is waited for."""

import time
from collections.abc import Generator
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import URL, Engine, NullPool, create_engine, event

from bridge.ledger.records import LedgerBusy, Waits

WRITER_LOCK: Final = int.from_bytes(b"quorumbe")
"""The advisory lock of the one writer; PostgreSQL keeps such locks for each database."""

# Seconds until either side believes that the other machine is dead: only then is its lock free for another writer.
KEEPALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
CONNECTING: Final = KEEPALIVE | {"connect_timeout": 5, "tcp_user_timeout": 25_000}

LOCK_TIMEOUT: Final = "2s"
"""So long a lock of somebody else is waited for; then nothing can be stored, the bridge says so, and tries again."""


class Connection(psycopg.Connection[Any]):
    """Waits for a server as long as `waits` wants. A dead machine is noticed by the kernel (KEEPALIVE); what lives and does
    not answer now will, and only it knows whether a commit that was sent is done."""

    waits: Waits = staticmethod(lambda _: True)

    def wait(self, gen: PQGen[RV], *how: Any, **more: Any) -> RV:
        return super().wait(self._attended(gen), *how, **more)

    def _attended(self, gen: PQGen[RV]) -> Generator[Any, Any, RV]:
        """psycopg resumes it ten times a second, also when nothing has come."""
        began = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and not self.waits(time.monotonic() - began):
                    self.close()
                    raise psycopg.OperationalError("it has not answered, and is not waited for any longer")
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: RV = end.value
            return answer


def engine_of(target: URL, *, write: bool, beside: bool = False, waits: Waits) -> Engine:
    ours = {name: value for name, value in CONNECTING.items() if name not in target.query}
    engine = create_engine(target, poolclass=NullPool, connect_args=ours)

    @event.listens_for(engine, "do_connect")
    def _connecting(_: Any, __: Any, words: Any, names: Any) -> Connection:
        driver = Connection.connect(*words, **names)
        driver.waits = waits
        return driver

    @event.listens_for(engine, "connect")
    def _connected(driver: Any, _: Any) -> None:
        if beside:
            driver.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_TIMEOUT,))
        elif write:
            _become_writer(driver, target)
        else:
            driver.execute("SET default_transaction_read_only = on")
        driver.commit()

    return engine


def _become_writer(driver: Any, target: URL) -> None:
    driver.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')"
    )
    for name, value in KEEPALIVE.items():
        driver.execute("SELECT set_config(%s, %s, false)", (f"tcp_{name}", str(value)))
    driver.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_TIMEOUT,))
    (alone,) = driver.execute("SELECT pg_try_advisory_lock(%s)", (WRITER_LOCK,)).fetchone()
    if not alone:
        driver.close()
        raise LedgerBusy(f"{target.render_as_string()} is written by another quorumbell: stop that one first, or stand by")

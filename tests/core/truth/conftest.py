"""A real cluster of three: n1, n2, n3, with what runs on it, told by its alerts and by its pictures."""

import pytest

from tests.core.conftest import Cluster
from tests.core.truth.looks import seen

ROLES = {"Started": "start", "Unpromoted": "start", "Promoted": "start"}


@pytest.fixture
def cluster():
    one = Cluster()
    for name in ("n1", "n2", "n3"):
        one.member(name, " ".join({"n1", "n2", "n3"} - {name}))
    for row in seen()["resources"]:
        for name in row["nodes"]:
            one.starts(name, row["id"])
            if row.get("role") == "Promoted":
                one.does(name, row["id"], "promote")
    return one.at(60)

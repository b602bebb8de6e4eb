"""Every mistake of a config at once, each with file, line and cure; and no secret in any of them."""

import pytest

from bridge.config.config import parse_config
from bridge.config.findings import ConfigError
from bridge.core.world.settings import Settings

FIVE = """\
[bridge]
ledger = "mysql://host/db"
listen = ["tcp://*:70000"]
lisen_plain = []

[receivers.oncall]
kind = "mail"
host = "mail.example.com"
from = "q@example.com"
to = ["oncall@example.com"]
password = "s3cret-word"
port = 99999

[[routes]]
match = ['kind="node-failur"']
receivers = ["oncal"]
hold = "soon"
"""


def problems(text, tmp_path):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, tmp_path / "q.toml")
    return caught.value.problems


def test_all_mistakes_at_once_with_line_and_cure(tmp_path):
    found = problems(FIVE, tmp_path)
    told = {problem.line: str(problem) for problem in found}
    assert sorted(told) == [2, 3, 4, 6, 12, 15, 16, 17]
    assert all(text.startswith(f"{tmp_path}/q.toml:{line}: ") for line, text in told.items())
    assert "listen_plain" in told[4], "a slip of the pen is guessed"
    assert "node-failure" in told[15]
    assert "oncall" in told[16]
    assert all(";" in text for text in told.values()), "each names a cure"


def test_no_secret_is_told(tmp_path):
    assert "s3cret-word" not in "\n".join(map(str, problems(FIVE, tmp_path)))


def test_a_good_config_has_no_problems(tmp_path):
    config = parse_config('[receivers.a]\nkind = "mail"\nhost = "m"\nfrom = "q@e.org"\nto = ["a@e.org"]\n', tmp_path / "q.toml")
    assert config.routes[0].receivers == ("a",)
    assert config.correlation.core() == Settings()


@pytest.mark.parametrize("text", ["[bridge\n", "x = ", 'a = "\n', "[bridge]\n[bridge]\n"])
def test_what_is_no_toml_is_told_with_its_line(text, tmp_path):
    (problem,) = problems(text, tmp_path)
    assert problem.line >= 1
    assert "TOML" in str(problem)

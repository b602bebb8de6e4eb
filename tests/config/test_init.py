"""quorumbell init: a bridge from nothing, and nothing of what is there is touched."""

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.config.config import load_config
from bridge.wire.keys import load_secret


@pytest.fixture
def init(tmp_path):
    def run(*words):
        places = (
            "-c",
            str(tmp_path / "q.toml"),
            "--keys",
            str(tmp_path / "keys"),
            "--state",
            str(tmp_path / "state"),
            "--no-start",
        )
        return CliRunner().invoke(main, ["init", *places, *words])

    return run


def test_it_makes_keys_folders_and_a_config_that_is_good(init, tmp_path):
    done = init(
        "--mail-server", "mail.example.com:2525", "--mail-to", "a@example.com", "--mail-to", "b@example.com", "--language", "de"
    )
    assert done.exit_code == 0, done.output
    config = load_config(tmp_path / "q.toml", secrets=True)
    assert config.bridge.ledger == f"sqlite:///{tmp_path}/state/ledger.db"
    assert config.bridge.language == "de"
    mail = config.receivers["oncall"].settings
    assert (mail.host, mail.port, mail.to) == ("mail.example.com", 2525, ("a@example.com", "b@example.com"))
    assert config.page.address == ""
    assert '# address = "https://bell.example.com"' in (tmp_path / "q.toml").read_text()
    assert load_secret(str(tmp_path / "keys/bridge.secret")).public
    assert (tmp_path / "allowed.d").is_dir()
    assert (tmp_path / "state").is_dir()


def test_where_the_page_is_reached_is_written_down_and_looked_at(init, tmp_path):
    assert init("--page", "https://ha.example.net").exit_code == 0
    assert load_config(tmp_path / "q.toml").page.address == "https://ha.example.net"
    (tmp_path / "q.toml").unlink()
    done = init("--page", "ha.example.net")
    assert done.exit_code != 0
    assert "page.address: 'ha.example.net' is no address of a page" in done.output


def test_what_is_there_is_kept(init, tmp_path):
    init("--mail-server", "mail.example.com", "--mail-to", "a@example.com")
    config = tmp_path / "q.toml"
    config.write_text(f"# mine\n{config.read_text()}")
    before = config.read_text(), (tmp_path / "keys/bridge.secret").read_text()
    done = init("--mail-server", "other.example.com", "--mail-to", "c@example.com")
    assert done.exit_code == 0, done.output
    assert done.output.count("kept ") == 4
    assert (config.read_text(), (tmp_path / "keys/bridge.secret").read_text()) == before


def test_a_password_lies_in_a_file_of_its_own_and_its_lack_names_the_file(init, tmp_path):
    board = ("--opsview", "https://opsview.example.com")
    done = init(*board)
    assert done.exit_code == 1
    assert f"write the password or token for opsview into {tmp_path}/secrets/opsview" in done.output
    assert not (tmp_path / "q.toml").exists()
    secret = tmp_path / "secrets/opsview"
    secret.parent.mkdir()
    secret.write_text("a password\n")
    secret.chmod(0o600)
    assert init(*board).exit_code == 0
    assert "a password" not in (tmp_path / "q.toml").read_text()
    assert "noc" in load_config(tmp_path / "q.toml", secrets=True).receivers


def test_mail_for_nobody_is_refused(init):
    done = init("--mail-server", "mail.example.com")
    assert (done.exit_code, "who shall get the mails" in done.output) == (1, True)


def test_an_answer_that_is_wrong_is_told_with_its_line(init, tmp_path):
    done = init("--slack", "--channel", "general")
    assert done.exit_code == 1
    (tmp_path / "secrets").mkdir()
    token = tmp_path / "secrets/slack"
    token.write_text("xoxb-1\n")
    token.chmod(0o600)
    done = init("--slack", "--channel", "general")
    assert done.exit_code == 78
    assert "'general' is no channel id" in done.output

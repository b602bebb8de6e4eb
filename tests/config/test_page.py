"""`[page]`: every mistake with its cure, and that no password goes over a network in plain text."""

import pytest

from bridge.config.config import parse_config
from bridge.config.findings import ConfigError


def parsed(text, tmp_path):
    return parse_config(f"[page]\n{text}\n", tmp_path / "q.toml").page


def wrong(text, tmp_path):
    with pytest.raises(ConfigError) as caught:
        parsed(text, tmp_path)
    return [(one.key, one.line, one.text) for one in caught.value.problems]


@pytest.mark.parametrize(
    "text, url",
    [
        ("", "http://127.0.0.1:7780/"),
        ('listen = "[::1]:80"', "http://[::1]:80/"),
        ('listen = "localhost:8080"', "http://localhost:8080/"),
        ('listen = "0.0.0.0:443"\ncertificate = "c.pem"\nkey = "k.pem"', "https://0.0.0.0:443/"),
        ('listen = "10.0.0.1:8080"\ntrusted_proxy = ["10.0.0.2"]\nuser_header = "X-Remote-User"', "http://10.0.0.1:8080/"),
    ],
)
def test_what_may_be_served(text, url, tmp_path):
    assert parsed(text, tmp_path).url == url


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "page.example.com:80"])
def test_plain_http_is_for_this_machine_or_behind_a_proxy(listen, tmp_path):
    ((key, line, text),) = wrong(f'listen = "{listen}"', tmp_path)
    assert (key, line) == ("page.listen", 2)
    assert "plain text over a network; give certificate and key, or name the proxy" in text


NO_ADDRESSES = [
    "bell.example.com", "ftp://bell.example.com", "javascript:alert(1)", "https://", "https:///", "//bell.example.com", "https://be ll",
    "https://anna:secret@bell.example.com", "https://bell.example.com/ha/", "https://bell.example.com/?a=b", "https://bell.example.com#a",
    "https://bell.example.com:99999", "https://bell.example.com:0", "https://bell_example", "https://glöckchen.example", "https://[::1",
]  # fmt: skip


@pytest.mark.parametrize(
    "text, key, words",
    [
        ('listen = "7780"', "page.listen", "is no address; write it like"),
        ('listen = "127.0.0.1:99999"', "page.listen", "is no address; write it like"),
        ('certificate = "c.pem"', "page.key", "is missing beside the other; add key"),
        ('key = "k.pem"', "page.certificate", "is missing beside the other; add certificate"),
        ('trusted_proxy = ["proxy.example.com"]', "page.trusted_proxy[1]", 'write it like "192.0.2.7" or'),
        *((f'address = "{wrong}"', "page.address", "is no address of a page; write scheme and host") for wrong in NO_ADDRESSES),
        ('user_header = "X-Remote-User"', "page.user_header", "anybody could claim to be anybody; name the proxy"),
        ('trusted_proxy = ["127.0.0.1"]\nuser_header = "X Remote"', "page.user_header", "is no header; write it like"),
        ('opsview = "javascript:alert(1)"', "page.opsview", "is no address; write it like"),
        ('opsview = "https://o/{hots}"', "page.opsview", "there is no {hots} here; did you mean host?"),
        ('cluster_gui = "https://{node:7630/"', "page.cluster_gui", "write braces that are meant as they are twice"),
        ('trusted_proxy = ["10.0.0.1/8"]', "page.trusted_proxy[1]", "has host bits set; write it like"),
        ("session_hours = 0", "page.session_hours", "it must be a number > 0"),
        ('lisen = "127.0.0.1:1"', "page.lisen", "unknown key; did you mean listen?"),
    ],
)
def test_mistakes(text, key, words, tmp_path):
    found = wrong(text, tmp_path)
    assert key in [one for one, _, _ in found]
    assert any(words in text for _, _, text in found), found


@pytest.mark.parametrize(
    "address, begin, warned",
    [
        ("", "", False),
        ("https://ha.example.net", "https://ha.example.net", False),
        ("https://ha.example.net:8443/", "https://ha.example.net:8443", False),
        ("https://[2001:db8::7]:7780", "https://[2001:db8::7]:7780", False),
        ("http://localhost:7780", "http://localhost:7780", False),
        ("http://[::1]:7780", "http://[::1]:7780", False),
        ("http://ha.example.net", "http://ha.example.net", True),
    ],
)
def test_where_links_lead(address, begin, warned, tmp_path):
    config = parse_config(f'[page]\naddress = "{address}"\n', tmp_path / "q.toml")
    assert config.page.links_to == begin
    assert [str(one) for one in config.warnings if one.key == "page.address"] == (
        [f"{tmp_path}/q.toml:2: page.address: whoever follows a link would log in in plain text; write https://"]
        if warned
        else []
    )

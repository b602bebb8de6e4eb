"""A real Postfix and a real Dovecot, each with a configuration folder of its own, on loopback and free ports.

`later@example.com` is answered with 450, `never@example.com` with 550; everybody else at example.com has a mailbox, to be read by
IMAP with the password `read`. Postfix insists on being started by root.
"""

import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.certificates import Signed
from tests.servers.ports import free_port

POSTFIX, DOVECOT = "/usr/sbin/postfix", "/usr/sbin/dovecot"
OWNER = "nobody"
PASSWORD = "read"

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
maillog_file_permissions = 0644
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.com
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/access, permit_mynetworks, reject
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtp_tls_security_level = none
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

# Mailboxes and passwords have other settings from 2.4 on (doc.dovecot.org, "Upgrading Dovecot CE from 2.3 to 2.4").
DOVECOT_23 = """
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%d/%n
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%d/%n
}}
"""

DOVECOT_24 = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {folder}/mail/%{{user | domain}}/%{{user | username}}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/mail/%{{user | domain}}/%{{user | username}}
  }}
}}
"""

DOVECOT_BOTH = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


def why_not() -> str:
    """Why this cannot run here, with the cure; empty if it can."""
    missing = [name for name, path in (("postfix", POSTFIX), ("dovecot-imapd", DOVECOT)) if not Path(path).exists()]
    if missing:
        return f"needs real mail programs: apt-get install {' '.join(missing)}"
    return "" if os.geteuid() == 0 else "Postfix can only be started by root"


class MailSystem:
    def __init__(self, folder: Path, smtp_port: int, imap_port: int) -> None:
        self.folder = folder
        self.smtp_port = smtp_port
        self._imap_port = imap_port

    @contextmanager
    def mailbox(self, address: str) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self._imap_port, timeout=10) as imap:
            imap.login(address, PASSWORD)
            imap.select()
            yield imap

    def wait_for(self, address: str, count: int, within: float = 20) -> None:
        until = time.monotonic() + within
        while time.monotonic() < until:
            with self.mailbox(address) as imap:
                found = len(imap.search(None, "ALL")[1][0].split())
            if found >= count:
                return
            time.sleep(0.2)
        raise AssertionError(f"{found} of {count} mails for {address}: {(self.folder / 'maillog').read_text()[-3000:]}")


@contextmanager
def running(signed: Signed) -> Iterator[MailSystem]:
    """In a folder of its own: pytest closes its own to other users, again and again."""
    with tempfile.TemporaryDirectory(prefix="mailsystem-") as folder, _started(Path(folder), signed) as system:
        yield system


@contextmanager
def _started(folder: Path, signed: Signed) -> Iterator[MailSystem]:
    system = MailSystem(folder, free_port(), free_port())
    _prepare(folder, signed, system)
    postfix = [POSTFIX, "-c", str(folder / "postfix")]
    subprocess.run([*postfix, "start"], check=True, capture_output=True, timeout=60)
    dovecot = subprocess.Popen([DOVECOT, "-F", "-c", str(folder / "dovecot.conf")], stderr=subprocess.DEVNULL)
    try:
        _answers(system.smtp_port)
        _answers(system._imap_port)
        yield system
    finally:
        dovecot.terminate()
        dovecot.wait(20)
        subprocess.run([*postfix, "stop"], check=False, capture_output=True, timeout=60)


def _prepare(folder: Path, signed: Signed, system: MailSystem) -> None:
    owner = pwd.getpwnam(OWNER)
    for name in ("postfix", "queue", "data", "mail", "run", "state"):
        (folder / name).mkdir()
    folder.chmod(0o711)  # the programs' own users must get through
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
    (folder / "mailboxes").write_text(
        "@example.com example.com/ops/\nops@example.com example.com/ops/\nday@example.com example.com/day/\n"
    )
    (folder / "access").write_text("later@example.com 450 4.2.1 come back later\nnever@example.com 550 5.1.1 no such user\n")
    key = folder / "postfix.key"
    shutil.copy(signed.key, key)
    key.chmod(0o600)
    shutil.copy(signed.certificate, folder / "postfix.pem")
    known = {
        "folder": folder,
        "uid": owner.pw_uid,
        "gid": owner.pw_gid,
        "certificate": folder / "postfix.pem",
        "key": key,
        "password": PASSWORD,
    }
    (folder / "postfix" / "main.cf").write_text(MAIN.format(**known))
    (folder / "postfix" / "master.cf").write_text(MASTER.format(port=system.smtp_port))
    (folder / "dovecot.conf").write_text(_dovecot_conf().format(port=system._imap_port, **known))


def _dovecot_conf() -> str:
    told = subprocess.run([DOVECOT, "--version"], check=True, capture_output=True, text=True, timeout=60).stdout
    major, minor = told.split(".")[:2]
    return (DOVECOT_24 if (int(major), int(minor)) >= (2, 4) else DOVECOT_23) + DOVECOT_BOTH


def _answers(port: int, within: float = 20) -> None:
    until = time.monotonic() + within
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as peer:
                peer.settimeout(5)
                if peer.recv(3):
                    return
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)

"""CURVE keys: made with safe modes, checked before use, enrolled one file per node.

    DIR/bridge.secret  DIR/bridge.public     made on the bridge; bridge.public is copied to every node
    DIR/node.secret    DIR/node.public       made on a node; node.public is brought to the bridge and enrolled there
    ALLOWED/CLUSTER.NODE.public              the allow-list: public-key (more than one while keys change), cluster, node
    JOINED/NODE@CLUSTER.public               the same, written by the bridge for who joined with a line; revoked-key: no more

The key that delivers a report says which cluster and node it is from; nothing in the report does.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import stat
from pathlib import Path
from typing import Final, NamedTuple

import zmq
from zmq.utils import z85

from bridge.wire.key_value import Line, Mistakes, read_lines

KEY_CHARACTERS: Final = 40
USER: Final = "quorumbell"
"""Relay and bridge run as this user (packaging/quorumbell.sysusers)."""
PUBLIC: Final = "public-key"
SECRET: Final = "secret-key"  # noqa: S105 - the name of a line
REVOKED: Final = "revoked-key"
RETIRING: Final = "retiring-key"
_KEYS: Final = {PUBLIC, REVOKED, RETIRING}
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class KeyPair(NamedTuple):
    """Prints without its secret."""

    public: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r}, secret=***)"


class KeyFiles(NamedTuple):
    secret: str
    public: str


class Peer(NamedTuple):
    cluster: str
    node: str


def make_bridge_keys(folder: str) -> KeyFiles:
    return _make(folder, "bridge", "copy it to every node, as bridge_key of the relay")


def make_node_keys(folder: str) -> KeyFiles:
    return _make(folder, "node", "bring it to the bridge and enrol it there")


def _make(folder: str, stem: str, what_next: str) -> KeyFiles:
    os.makedirs(folder, mode=0o755, exist_ok=True)
    files = KeyFiles(f"{folder}/{stem}.secret", f"{folder}/{stem}.public")
    there = [path for path in files if os.path.lexists(path)]
    if there:
        raise Mistakes([f"{path}: exists already: remove it first if its key shall be given up" for path in there])
    public, secret = zmq.curve_keypair()
    _create(
        files.secret,
        0o600,
        f"# The {stem}'s secret key. Never copy it.\n{PUBLIC} = {public.decode()}\n{SECRET} = {secret.decode()}\n",
    )
    _create(files.public, 0o644, f"# The {stem}'s public key: {what_next}.\n{PUBLIC} = {public.decode()}\n")
    return files


def _create(path: str, mode: int, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask was: the bridge's own user must read what root enrolled
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def load_secret(path: str) -> KeyPair:
    """The pair in a `.secret` file; refuses one that others could have read or changed."""
    loose = _too_open(path, 0o077, f"chmod 600 {path}, and make new keys if others may have read it")
    lines, wrong = read_lines(path, {PUBLIC, SECRET}) if not loose else ([], loose)
    found = {line.key: line.value.encode() for line in lines}
    wrong += _bad_keys(path, lines)
    if not wrong and found.keys() != {PUBLIC, SECRET}:
        wrong.append(f"{path}: holds no key pair: make one with quorumbell setup keys")
    if not wrong and zmq.curve_public(found[SECRET]) != found[PUBLIC]:
        wrong.append(f"{path}: its two keys do not belong together: make new ones with quorumbell setup keys")
    if wrong:
        raise Mistakes(wrong)
    return KeyPair(found[PUBLIC], found[SECRET])


def load_public(path: str) -> bytes:
    loose = _too_open(path, 0o022, f"chmod 644 {path}")
    lines, wrong = read_lines(path, {PUBLIC, SECRET}) if not loose else ([], loose)
    if any(line.key == SECRET for line in lines):
        wrong.append(f"{path}: this is a secret key file: it stays where it was made; copy the .public file beside it")
    wrong += _bad_keys(path, lines)
    found = [line.value.encode() for line in lines if line.key == PUBLIC]
    if not wrong and len(found) != 1:
        wrong.append(f"{path}: holds {len(found)} public keys: one is wanted, as `{PUBLIC} = …`")
    if wrong:
        raise Mistakes(wrong)
    return found[0]


def _bad_keys(path: str, lines: list[Line]) -> list[str]:
    return [
        f"{path}:{line.number}: {line.key} is not a key of {KEY_CHARACTERS} characters: copy the file again, whole"
        for line in lines
        if line.key in {*_KEYS, SECRET} and not is_key(line.value)
    ]


def is_key(text: str) -> bool:
    try:
        return len(text) == KEY_CHARACTERS and len(z85.decode(text.encode())) == 32
    except (ValueError, KeyError):
        return False


def _too_open(path: str, forbidden: int, cure: str) -> list[str]:
    """Owner and mode of a file or folder that others must not touch."""
    try:
        seen = os.stat(path)
    except OSError as wrong:
        return [f"{path}: {wrong.strerror}: make it with quorumbell setup keys, or correct the path"]
    if not (stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode)):
        return [f"{path}: not a regular file"]
    if seen.st_uid not in _owners():
        return [f"{path}: belongs to user {seen.st_uid}: chown it to root or to the user that runs this"]
    if seen.st_mode & forbidden:
        return [f"{path}: mode {stat.S_IMODE(seen.st_mode):o} lets others in: {cure}"]
    return []


def _owners() -> set[int]:
    """Who may own it: root, whoever runs this, and for root the user that relay and bridge run as."""
    owners = {0, os.geteuid()}
    if os.geteuid() == 0:
        with contextlib.suppress(KeyError):
            owners.add(pwd.getpwnam(USER).pw_uid)
    return owners


def no_names(**said: str) -> list[str]:
    """What is wrong with the names that were said."""
    return [
        f"{what} {name!r} is not a name: letters, digits, . _ - are" for what, name in said.items() if not NAME.fullmatch(name)
    ]


def give_to_user(path: str) -> None:
    """To the user that relay and bridge run as, if there is one and root does this. Raises OSError."""
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(USER)
        if os.geteuid() == 0:
            os.chown(path, user.pw_uid, user.pw_gid)


def enrol(allowed: str, public_key_file: str, cluster: str, node: str) -> str:
    """Let a node's key in; a second key of the same node joins the first, so that keys can be changed without a gap."""
    if wrong := no_names(cluster=cluster, node=node):
        raise Mistakes(wrong)
    key = load_public(public_key_file).decode()
    os.makedirs(allowed, mode=0o755, exist_ok=True)
    others = {known: peer for known, peer in AllowList(allowed).peers.items() if peer != Peer(cluster, node)}
    if key in others:
        raise Mistakes(
            [f"{public_key_file}: this key is enrolled as {others[key].node} of {others[key].cluster}: make one pair per node"]
        )
    path = f"{allowed}/{cluster}.{node}.public"
    replace_file(path, _enrolled_text(path, key, cluster, node))
    return path


def _enrolled_text(path: str, key: str, cluster: str, node: str) -> str:
    lines = read_lines(path, ALLOWED_KEYS)[0] if os.path.exists(path) else []
    keys = list(dict.fromkeys([line.value for line in lines if line.key == PUBLIC] + [key]))
    return "".join(f"{PUBLIC} = {one}\n" for one in keys) + f"cluster = {cluster}\nnode = {node}\n"


def replace_file(path: str, text: str, mode: int = 0o644) -> None:
    """All of it or nothing, whatever dies meanwhile. Raises OSError."""
    fresh = f"{path}.{os.getpid()}.new"
    _create(fresh, mode, text)
    os.rename(fresh, path)


ALLOWED_KEYS: Final = {*_KEYS, "cluster", "node"}
"""`retiring-key` counts until the node has spoken with the other one; `revoked-key` counts no more, wherever it is enrolled."""


class AllowList:
    """key → (cluster, node), from a folder with one file per node, and from the one where the bridge keeps who joined. Read again
    when they changed."""

    def __init__(self, folder: str, joined: str = "") -> None:
        self.folder = folder
        self.joined = joined
        """May be missing: then nobody has joined."""
        self.peers, wrong = self._read()
        self.whole = not wrong and Path(folder).is_dir()
        """Nothing in it could not be read: who is not in it is not enrolled."""
        if wrong:
            raise Mistakes(wrong)
        self._seen = self._signature()

    def refresh(self) -> list[str] | None:
        """None when nothing changed, else what is wrong now. A file with a mistake lets nobody in; the others count."""
        signature = self._signature()
        if signature == self._seen:
            return None
        self._seen = signature
        peers, wrong = self._read()
        self.whole = not wrong and Path(self.folder).is_dir()
        self.peers = peers  # one assignment: the thread that answers handshakes sees the old list or the new one
        return wrong

    def _files(self) -> list[Path]:
        return [path for folder in (self.folder, self.joined) if folder for path in _publics(folder)]

    def _signature(self) -> tuple[tuple[str, int, int, int], ...]:
        signature = []
        for path in self._files():
            try:
                seen = path.stat()
            except OSError:
                continue
            signature.append((path.name, seen.st_mtime_ns, seen.st_ino, seen.st_mode))
        return tuple(signature)

    def _read(self) -> tuple[dict[str, Peer], list[str]]:
        peers: dict[str, Peer] = {}
        revoked: set[str] = set()
        stands_in: dict[str, Path] = {}
        folders = [self.folder, *([self.joined] if self.joined and os.path.lexists(self.joined) else [])]
        wrong = [text for folder in folders for text in _too_open(folder, 0o022, f"chmod go-w {folder}")]
        if wrong:
            return peers, wrong
        for path in self._files():
            entries, gone, bad = _read_allowed(str(path))
            revoked |= gone
            twice = [key for key, peer in entries.items() if peers.get(key, peer) != peer or stands_in.get(key) == path.parent]
            bad += [
                f"{path}: its key is also that of {peers[key].node} of {peers[key].cluster}: make one pair per node"
                for key in twice
            ]
            wrong += bad
            if not bad:
                peers.update(entries)
                stands_in.update(dict.fromkeys(entries, path.parent))
        return {key: peer for key, peer in peers.items() if key not in revoked}, wrong


def _publics(folder: str) -> list[Path]:
    try:
        return sorted(path for path in Path(folder).iterdir() if path.suffix == ".public")
    except OSError:
        return []


def _read_allowed(path: str) -> tuple[dict[str, Peer], set[str], list[str]]:
    """The keys in it, those that are revoked, and what is wrong with it."""
    wrong = _too_open(path, 0o022, f"chmod 644 {path}")
    if wrong:
        return {}, set(), wrong
    lines, wrong = read_lines(path, ALLOWED_KEYS)
    wrong += _bad_keys(path, lines)
    said = {line.key: line.value for line in lines if line.key not in _KEYS}
    wrong += [
        f"{path}: `{key} = …` is missing or not a name: letters, digits, . _ - are"
        for key in ("cluster", "node")
        if not NAME.fullmatch(said.get(key, ""))
    ]
    keys = [line.value for line in lines if line.key in {PUBLIC, RETIRING}]
    if not keys and not wrong:
        wrong.append(f"{path}: holds no `{PUBLIC} = …`: enrol the node again with quorumbell setup keys")
    if wrong:
        return {}, set(), wrong
    revoked = {line.value for line in lines if line.key == REVOKED}
    return {key: Peer(said["cluster"], said["node"]) for key in keys}, revoked, []

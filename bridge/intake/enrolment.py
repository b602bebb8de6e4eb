"""Nodes that join with a line, and change their keys: invitations, and the part of the allow-list that the bridge writes itself.

An invitation is a key pair that lets its holder say one thing once: enrol this key. Its secret half travels in the line; of the
other, and of what it is good for, the bridge keeps a file in the folder of those who joined, so that a restart ends none:

    JOINED/NAME.invited                      public-key, cluster, node (if it is fixed), until, again
    JOINED/NODE@CLUSTER.public               who joined: keys.AllowList

The thread that receives messages is the only one that writes; the authenticator's only asks `is_invited`.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import zmq

from bridge.wire import codec
from bridge.wire.key_value import Mistakes, read_lines
from bridge.wire.keys import (
    ALLOWED_KEYS,
    NAME,
    PUBLIC,
    RETIRING,
    REVOKED,
    AllowList,
    KeyPair,
    Peer,
    is_key,
    no_names,
    replace_file,
)

INVITED: Final = {PUBLIC, "cluster", "node", "until", "again"}
SECOND_NS: Final = 1_000_000_000

log = logging.getLogger("quorumbell.intake")


class Invitation(NamedTuple):
    """`until` is in seconds of the bridge's time; `again`: a node of that name that has another key is replaced."""

    cluster: str
    node: str
    until: int
    again: bool
    path: Path


class Enrolment:
    """`allowed.joined` is where it writes; "": nobody can join. `clock`: nanoseconds of the bridge's time, which goes on over a
    restart."""

    def __init__(self, allowed: AllowList, clock: Callable[[], int]) -> None:
        self._allowed = allowed
        self._clock = clock
        self._folder = Path(allowed.joined)
        self._invited: Mapping[str, Invitation] = self._read() if allowed.joined else {}

    def invite(self, cluster: str, node: str, seconds: int, *, again: bool) -> KeyPair:
        """Raises Mistakes with what is wrong about the names, or with the folder."""
        wrong = no_names(cluster=cluster, **({"node": node} if node else {}))
        if node and not again and Peer(cluster, node) in self._allowed.peers.values():
            wrong.append(f"{node} of {cluster} is enrolled already: say --again if it gets a new key")
        if wrong:
            raise Mistakes(wrong)
        public, secret = (key.decode() for key in zmq.curve_keypair())
        path = self._folder / f"{public.encode().hex()[:24]}.invited"
        one = Invitation(cluster, node, self._now() + seconds, again, path)
        lines = {PUBLIC: public, "cluster": cluster, "node": node, "until": str(one.until), "again": "yes" if again else "no"}
        self._write(path, "".join(f"{key} = {value}\n" for key, value in lines.items() if value))
        self._invited = {**self._invited, public: one}
        return KeyPair(public.encode(), secret.encode())

    def is_invited(self, key: str) -> bool:
        return key in self._invited

    def join(self, key: str, asked: codec.Join) -> codec.Joined | codec.NotNow:
        """`key` is the one that the asker has shown; what it asks for, or why not."""
        known = self._allowed.peers.get(key)
        try:
            if known is not None:
                return self._change(known, key, asked)
            return self._enrol(self._invited.get(key), key, asked)
        except Mistakes as error:
            return codec.NotNow(f"the bridge cannot keep who joins: {error}")

    def heard(self, key: str, peer: Peer) -> None:
        """It speaks with this key: one that was to go when this is heard is gone."""
        path = self._path(peer)
        if not self._allowed.joined or not path.exists():
            return
        keys, retiring, revoked = self._enrolled(path)
        if not retiring or key not in keys:
            return
        try:
            self._keep(peer, keys, [], [*revoked, *retiring])
        except Mistakes as error:
            log.error("the old key of %s of %s still counts: %s", peer.node, peer.cluster, error)  # noqa: TRY400 - says all there is
        else:
            log.info("%s of %s speaks with its new key; the old one counts no more", peer.node, peer.cluster)

    def keep_house(self) -> None:
        for key, one in list(self._invited.items()):
            if self._now() > one.until:
                self._forget(key)

    def _now(self) -> int:
        return self._clock() // SECOND_NS

    # --- what is asked

    def _enrol(self, one: Invitation | None, key: str, asked: codec.Join) -> codec.Joined | codec.NotNow:
        node = asked.node if one is None else one.node or asked.node
        if one is None or self._now() > one.until:
            return codec.NotNow("this line has been used, or has run out: make a new one with quorumbell join-token")
        if not is_key(asked.public) or not NAME.fullmatch(node):
            return codec.NotNow("no key, or a name that is none: letters, digits, . _ - are")
        peer, holder = Peer(one.cluster, node), self._allowed.peers.get(asked.public)
        if holder not in {None, peer}:
            return codec.NotNow("this key is another node's: make one pair for each node")
        old = [known for known, whose in self._allowed.peers.items() if whose == peer and known != asked.public]
        if old and not one.again:
            words = f"{node} of {one.cluster} is enrolled already, with another key"
            return codec.NotNow(f"{words}: quorumbell join-token --again lets this one take its place")
        revoked = self._enrolled(self._path(peer))[2]
        self._keep(peer, [asked.public], [], [known for known in {*revoked, *old} if known != asked.public])
        self._forget(key)
        log.info("%s of %s has joined", node, one.cluster)
        return codec.Joined(peer.cluster, peer.node)

    def _change(self, peer: Peer, key: str, asked: codec.Join) -> codec.Joined | codec.NotNow:
        """By the node itself. The key that it has shown goes as soon as it has spoken with the other one."""
        if asked.public and asked.public != key:
            if not self._allowed.joined or not is_key(asked.public) or self._allowed.peers.get(asked.public, peer) != peer:
                return codec.NotNow("no key, or another node's")
            revoked = self._enrolled(self._path(peer))[2]
            self._keep(peer, [asked.public], [key], [one for one in revoked if one not in {key, asked.public}])
        return codec.Joined(peer.cluster, peer.node)

    # --- files

    def _path(self, peer: Peer) -> Path:
        """A node chooses its name: with a sign between that no name has, its file is no other node's."""
        return self._folder / f"{peer.node}@{peer.cluster}.public"

    def _enrolled(self, path: Path) -> tuple[list[str], list[str], list[str]]:
        """Its keys, those that go, and those that are gone."""
        lines, _ = read_lines(str(path), ALLOWED_KEYS) if path.exists() else ([], [])
        of = {kind: [line.value for line in lines if line.key == kind] for kind in (PUBLIC, RETIRING, REVOKED)}
        return of[PUBLIC], of[RETIRING], of[REVOKED]

    def _keep(self, peer: Peer, keys: list[str], retiring: list[str], revoked: list[str]) -> None:
        told = [*((PUBLIC, key) for key in keys), *((RETIRING, key) for key in retiring), *((REVOKED, key) for key in revoked)]
        told += [("cluster", peer.cluster), ("node", peer.node)]
        self._write(self._path(peer), "".join(f"{name} = {value}\n" for name, value in told))
        for text in self._allowed.refresh() or ():
            log.error("allow-list: %s", text)

    def _write(self, path: Path, text: str) -> None:
        if not self._allowed.joined:
            raise Mistakes(["[bridge] joined is empty: nobody can join with a line"])
        try:
            self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            replace_file(str(path), text)
        except OSError as error:
            raise Mistakes(
                [f"{error.filename}: {error.strerror}: the bridge's user must be able to write there ([bridge] joined)"]
            ) from None

    def _forget(self, key: str) -> None:
        self._invited, gone = {other: one for other, one in self._invited.items() if other != key}, self._invited[key]
        try:
            gone.path.unlink(missing_ok=True)
        except OSError as error:
            # A restart would find it again, and it would have run out by its own time.
            log.error("%s: %s: remove it by hand", gone.path, error.strerror)  # noqa: TRY400

    def _read(self) -> dict[str, Invitation]:
        found = {}
        for path in sorted(self._folder.glob("*.invited")) if self._folder.is_dir() else []:
            lines, wrong = read_lines(str(path), INVITED)
            said = {line.key: line.value for line in lines}
            if wrong or not is_key(said.get(PUBLIC, "")) or not said.get("until", "").isdecimal():
                log.error("%s: not an invitation: remove it", path)
                continue
            again = said.get("again") == "yes"
            found[said[PUBLIC]] = Invitation(said.get("cluster", ""), said.get("node", ""), int(said["until"]), again, path)
        return found

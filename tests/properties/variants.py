"""Recordings as they might have been: other names, other clusters, other clocks. What should be told of them stays the same."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import Rehearsal, bell, read_recording

JUDGE = Path(__file__).parents[1] / "judge"
GIVEN: dict[str, Any] = json.loads((JUDGE / "told.json").read_text())
KNOWN_BY_NAME = {
    "field-usual-names",
    "field-power-and-board-dead",
    "field-container-stays-down",
    "field-host-of-a-container-dies",
    "field-guest-node-hangs",
}
"""Recordings in which the names say what the resources are, and what belongs together."""
TOLD: dict[str, Any] = GIVEN | {
    name: expected
    for file in ("told-lab.json", "told-field-pacemaker.json")
    for name, expected in json.loads((JUDGE / file).read_text()).items()
    if "with" not in expected
}
Record = dict[str, Any]
Case = tuple[list[Record], dict[str, Any]]
Variant = Callable[[list[Record], dict[str, Any]], Case]

EPOCH, USEC, SEQUENCE = "CRM_alert_timestamp_epoch", "CRM_alert_timestamp_usec", "CRM_alert_node_sequence"
STARTS_ANEW_AFTER = 3


def original(name: str) -> Case:
    return json.loads((JUDGE / "recordings" / f"{name}.json").read_text()), deepcopy(TOLD[name])


def rehearsed(records: list[Record], folder: Path) -> dict[str, Any]:
    """The command's answer to such a recording."""
    file = folder / "variant.json"
    file.write_text(json.dumps(records))
    rehearsal = Rehearsal(Settings(), bell())
    rehearsal.take(read_recording(file))
    return rehearsal.result()


# ---- names ----------------------------------------------------------------------------------------------------------


def nodes_of(records: list[Record]) -> set[str]:
    """All but those that are told by their number."""
    names = {one["host"] for one in records} | {_node(one["env"]) for one in records} - {""}
    return {name for name in names if not name.isdecimal()}


def resources_of(records: list[Record]) -> set[str]:
    return {_resource(one["env"]).partition(":")[0] for one in records} - {""}


def _node(env: dict[str, str]) -> str:
    return env.get("CRM_alert_node") or env.get("CRM_notify_node") or ""


def _resource(env: dict[str, str]) -> str:
    return env.get("CRM_alert_rsc") or env.get("CRM_notify_rsc") or ""


def renamed(nodes: Callable[[str], str], resources: Callable[[str], str]) -> Variant:
    """A stranger's cluster. Remote nodes, which are both, are told from resources by their connection's name."""

    def rename(records: list[Record], expected: dict[str, Any]) -> Case:
        node = {name: nodes(name) for name in nodes_of(records)}
        resource = {name: node.get(name) or resources(name) for name in resources_of(records)}
        return [_renamed(one, node, resource) for one in records], _expected_of(expected, node, resource)

    return rename


def _renamed(record: Record, nodes: dict[str, str], resources: dict[str, str]) -> Record:
    env = dict(record["env"])
    for key in env.keys() & {"CRM_alert_node", "CRM_notify_node"}:
        env[key] = nodes.get(env[key], env[key])
    for key in env.keys() & {"CRM_alert_rsc", "CRM_notify_rsc"}:
        base, colon, instance = env[key].partition(":")
        env[key] = resources.get(base, base) + colon + instance
    for key in env.keys() & {"CRM_alert_desc", "CRM_notify_desc"}:
        env[key] = _words_renamed(env[key], nodes)
    if name := env.get("CRM_alert_attribute_name"):
        env["CRM_alert_attribute_name"] = re.sub(
            r"^(fail-count-|last-failure-|master-)([^#:]+)", lambda at: at[1] + resources.get(at[2], at[2]), name
        )
    return {**record, "host": nodes.get(record["host"], record["host"]), "env": env}


def _words_renamed(words: str, nodes: dict[str, str]) -> str:
    return re.sub(
        r"^(Operation \S+ of )(\S+)( by )(.+?)( for .+?@)([^\s:]+)(?=:)",
        lambda at: at[1] + nodes.get(at[2], at[2]) + at[3] + nodes.get(at[4], at[4]) + at[5] + nodes.get(at[6], at[6]),
        words,
    )


def _expected_of(expected: dict[str, Any], nodes: dict[str, str], resources: dict[str, str]) -> dict[str, Any]:
    def name(words: str) -> str:
        kind, blank, subject = words.rpartition(" ")
        sort, slash, rest = subject.partition("/")
        if not slash:
            return words if blank or subject not in {**nodes, **resources} else {**resources, **nodes}[subject]
        if sort == "attribute":
            attribute, _, node = rest.rpartition("@")
            return f"{kind}{blank}attribute/{attribute}@{nodes[node]}"
        table = resources if sort in {"resource", "guest"} else {**resources, **nodes}
        return kind + blank + sort + slash + table.get(rest, rest)

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return name(value)
        if isinstance(value, list):
            return [walk(one) for one in value]
        return {name(key): walk(one) for key, one in value.items()} if isinstance(value, dict) else value

    return {key: value if key == "note" else walk(value) for key, value in expected.items()}


def guest(prefix: str) -> Callable[[str], str]:
    """Guests keep one of the two patterns by which they are known."""
    return lambda name: f"vm_{name[3:]}-x" if name.startswith(("vm-", "vm_")) else prefix + name


# ---- time -----------------------------------------------------------------------------------------------------------


def _moved(record: Record, to: Callable[[float], float]) -> Record:
    env = dict(record["env"])
    if EPOCH in env:
        env[EPOCH], env[USEC] = _stamp(to(int(env[EPOCH]) + int(env[USEC]) / 1e6))
    return {**record, "received": to(record["received"]), "env": env}


def _stamp(at: float) -> tuple[str, str]:
    microseconds = round(at * 1e6)
    return str(microseconds // 10**6), f"{microseconds % 10**6:06d}"


def scaled(factor: float) -> Variant:
    """Everything takes so many times as long; so do the outages. What is rung is asked for only where no hold is crossed."""

    def scale(records: list[Record], expected: dict[str, Any]) -> Case:
        if not records:
            return records, expected
        start = records[0]["received"]
        for story in expected["incidents"]:
            story["outages"] = {k: [low * factor, high * factor] for k, (low, high) in story.get("outages", {}).items()}
        return [_moved(one, lambda at: start + (at - start) * factor) for one in records], expected

    return scale


def without_outages(records: list[Record], expected: dict[str, Any]) -> Case:
    """Calls without a time of their own are measured by their arrival, in which some overtake others."""
    for story in expected["incidents"]:
        story.pop("outages", None)
    return records, expected


def shifted(records: list[Record], seconds: float) -> list[Record]:
    return [_moved(one, lambda at: at + seconds) for one in records]


def jittered(records: list[Record], expected: dict[str, Any], chance: Random) -> Case:
    """Calls reach the recorder up to two seconds late, and the file keeps no order."""
    late = [{**one, "received": one["received"] + chance.uniform(0, 2)} for one in records]
    chance.shuffle(late)
    return late, expected


# ---- the hook's environment -----------------------------------------------------------------------------------------


def doubled(records: list[Record], expected: dict[str, Any]) -> Case:
    again = [{**one, "received": one["received"] + 0.3} for one in records]
    return sorted([*records, *again], key=lambda one: one["received"]), expected


def one_recipient(records: list[Record], expected: dict[str, Any]) -> Case:
    return [one for one in records if one["env"].get("CRM_alert_recipient") != "#cluster-chat"], expected


def three_recipients(records: list[Record], expected: dict[str, Any]) -> Case:
    found = []
    for one in records:
        number = one["env"].get(SEQUENCE)
        if number is None:
            return records, expected
        env = {**one["env"], SEQUENCE: str(int(number) * 2)}
        found.append({**one, "env": env})
        if env["CRM_alert_recipient"] != "#cluster-chat":
            env = {**env, "CRM_alert_recipient": "tcp://x:1", SEQUENCE: str(int(number) * 2 + 1)}
            found.append({**one, "received": one["received"] + 0.001, "env": env})
    return found, expected


def without(*keys: str, hosts: int = 99) -> Variant:
    def drop(records: list[Record], expected: dict[str, Any]) -> Case:
        some = sorted({one["host"] for one in records})[:hosts]
        return [
            {**one, "env": {k: v for k, v in one["env"].items() if k not in keys}} if one["host"] in some else one
            for one in records
        ], expected

    return drop


WORDS_1 = {"error": "unknown error", "promoted": "master", "Timed Out": "Timed Out", "not installed": "not installed"}
WORDS_3 = {"ok": "OK", "error": "Error occurred", "not running": "Not running", "promoted": "Promoted", "Timed Out": "Timed out"}
ERRNO = {"OK": "OK", "Timed Out": "Timer expired", "No fence device": "No such device"}


def version(number: str) -> Variant:
    """The same, told by another Pacemaker."""
    old, oldest = number < "2.1.3", number.startswith("1.")

    def retell(records: list[Record], expected: dict[str, Any]) -> Case:
        return [{**one, "env": _retold(one["env"], number, old=old, oldest=oldest)} for one in records], expected

    return retell


def _retold(env: dict[str, str], number: str, *, old: bool, oldest: bool) -> dict[str, str]:
    if "CRM_alert_kind" not in env:
        return env
    env = {**env, "CRM_alert_version": number}
    words = env.get("CRM_alert_desc", "")
    if env["CRM_alert_kind"] == "resource":
        env["CRM_alert_desc"] = (WORDS_3 if number.startswith("3") else WORDS_1 if old else {}).get(words, words)
    elif env["CRM_alert_kind"] == "fencing" and old:
        env["CRM_alert_desc"] = _old_fencing(words, oldest=oldest)
    if oldest:
        gone = {EPOCH, USEC, "CRM_alert_exec_time"}
        env = {k: v for k, v in env.items() if k not in gone and (k != "CRM_alert_recipient" or number >= "1.1.18")}
    if not number.startswith("3"):
        env |= {k.replace("_alert_", "_notify_"): v for k, v in env.items() if k.startswith("CRM_alert_")}
    return env


def _old_fencing(words: str, *, oldest: bool) -> str:
    words = words.replace(" by the cluster ", " by <no-one> ")
    if oldest:
        words = words.replace(" for pacemaker-controld.", " for crmd.")
    return re.sub(r": ([\w ]+?)(?: \(.*?\))? \(ref=", lambda at: f": {ERRNO.get(at[1], at[1])} (ref=", words)


# ---- the cluster ----------------------------------------------------------------------------------------------------


def more_nodes(count: int) -> Variant:
    """Others look on: each tells of nodes and fencings what the first node that stays tells."""

    def add(records: list[Record], expected: dict[str, Any]) -> Case:
        told_of = {_node(one["env"]) for one in records if one["env"].get("CRM_alert_desc") == "lost"}
        stay = sorted({one["host"] for one in records} - told_of)
        if not stay or "CRM_alert_kind" not in records[0]["env"]:
            return records, expected
        found = []
        for one in records:
            found.append(one)
            if one["host"] == stay[0] and one["env"]["CRM_alert_kind"] in {"node", "fencing"}:
                found += [_told_by(one, f"extra{i}", 0.01 * i) for i in range(1, count + 1)]
        return found, expected

    return add


def _told_by(record: Record, host: str, after: float) -> Record:
    return {**_moved(record, lambda at: at + after), "host": host}


def lives(records: list[Record]) -> list[tuple[Record, int]]:
    """Each record with the number of the life of Pacemaker on its host."""
    last: dict[str, tuple[int, float]] = {}
    life: dict[str, int] = {}
    found = []
    for one in records:
        number = int(one["env"].get(SEQUENCE, "0"))
        before, at = last.get(one["host"], (0, 0.0))
        if number and number < before and one["received"] - at > STARTS_ANEW_AFTER:
            life[one["host"]] = life.get(one["host"], 0) + 1
        last[one["host"]] = number, one["received"]
        found.append((one, life.get(one["host"], 0)))
    return found


def numbered_higher(records: list[Record], base: dict[str, int]) -> list[Record]:
    """The first life of each host goes on from such a number."""
    return [_numbered(one, base.get(one["host"], 0) if life == 0 else 0) for one, life in lives(records)]


def _numbered(record: Record, more: int) -> Record:
    number = record["env"].get(SEQUENCE)
    return {**record, "env": {**record["env"], SEQUENCE: str(int(number) + more)}} if number else record


def last_numbers(records: list[Record]) -> dict[str, int]:
    """The highest number of each host's last life."""
    found: dict[str, tuple[int, int]] = {}
    for one, life in lives(records):
        found[one["host"]] = max(found.get(one["host"], (0, 0)), (life, int(one["env"].get(SEQUENCE, "0"))))
    return {host: number for host, (_, number) in found.items()}


def healthy_hour(records: list[Record], expected: dict[str, Any]) -> Case:
    """The cluster had started an hour ago, with what is known to have run before the recording began."""
    if not records or "CRM_alert_kind" not in records[0]["env"]:
        return records, expected
    start = min(one["received"] for one in records) - 3600
    hosts = sorted({one["host"] for one in records})
    before: list[Record] = []
    numbers: dict[str, int] = dict.fromkeys(hosts, 0)

    def say(host: str, after: float, **env: str) -> None:
        for recipient in ("ops@example.com", "#cluster-chat"):
            numbers[host] += 1
            seconds, micro = _stamp(start + after)
            more = {"recipient": recipient, "version": "2.1.5", "node_sequence": str(numbers[host])}
            stamp = {"timestamp_epoch": seconds, "timestamp_usec": micro}
            body = {f"CRM_alert_{k}": v for k, v in {**env, **more, **stamp}.items()}
            before.append({"host": host, "received": start + after + 0.02, "env": body})

    for host in hosts:
        for number, other in enumerate(hosts, 1):
            say(host, 0.1, kind="node", node=other, nodeid=str(number), desc="member")
    for resource, (host, interval) in sorted(_ran_before(records).items()):
        plain = {"kind": "resource", "node": host, "rsc": resource, "rc": "0", "target_rc": "0", "status": "0", "desc": "ok"}
        say(host, 2, task="start", interval="0", **plain)
        say(host, 2.1, task="monitor", interval=interval, **plain)
    return [*before, *numbered_higher(records, numbers)], expected


def _ran_before(records: list[Record]) -> dict[str, tuple[str, str]]:
    first: dict[str, dict[str, str]] = {}
    for one in sorted(records, key=lambda one: (int(one["env"].get(EPOCH, 0)), int(one["env"].get(USEC, 0)))):
        env = one["env"]
        if env["CRM_alert_kind"] == "resource" and (env["CRM_alert_task"], env["CRM_alert_interval"]) != ("monitor", "0"):
            first.setdefault(env["CRM_alert_rsc"], env)
    running = {"stop", "monitor", "migrate_to"}
    return {
        rsc: (env["CRM_alert_node"], env["CRM_alert_interval"] if env["CRM_alert_interval"] != "0" else "10000")
        for rsc, env in first.items()
        if env["CRM_alert_task"] in running and env["CRM_alert_rc"] != "8" and env["CRM_alert_target_rc"] == "0"
    }


def then(one: Case, other: Case, gap: float) -> Case:
    """One after the other in one cluster: the same nodes, other resources."""
    (first, wanted), (second, wanted_then) = one, other
    if not first or not second:
        return (first or second), (wanted if first else wanted_then)
    second, wanted_then = renamed(lambda node: node, guest("b-"))(second, wanted_then)
    first = [*first, *_stops(first)]
    last = max(record["received"] for record in first)
    second = shifted(second, last + gap - min(record["received"] for record in second))
    second = [_with_other_refs(one) for one in numbered_higher(second, last_numbers(first))]
    return [*first, *second], both(wanted, wanted_then)


def ends_with_a_node_away(expected: dict[str, Any]) -> bool:
    """What comes after such an end is no story of its own."""
    return any(
        end.startswith("open") and story["root"][0].startswith(("node/", "cluster"))
        for story in expected["incidents"]
        for end in story["end"]
    )


def _with_other_refs(record: Record) -> Record:
    words = record["env"].get("CRM_alert_desc")
    return {**record, "env": {**record["env"], "CRM_alert_desc": words.replace("(ref=", "(ref=1")}} if words else record


def _stops(records: list[Record]) -> list[Record]:
    """The administrator stops what still runs, as between two runs of a laboratory."""
    running: dict[tuple[str, str], Record] = {}
    for one in sorted(records, key=lambda one: (int(one["env"].get(EPOCH, 0)), int(one["env"].get(USEC, 0)))):
        env = one["env"]
        place = (env["CRM_alert_node"], env.get("CRM_alert_rsc", ""))
        if env["CRM_alert_kind"] == "resource" and env["CRM_alert_rc"] == "0":
            if env["CRM_alert_task"] in {"start", "monitor", "promote"}:
                running[place] = one
            elif env["CRM_alert_task"] == "stop":
                running.pop(place, None)
        elif env["CRM_alert_kind"] == "node" and env["CRM_alert_desc"] == "lost":
            running = {key: value for key, value in running.items() if key[0] != env["CRM_alert_node"]}
    last, numbers = max(one["received"] for one in records) + 60, last_numbers(records)
    found = []
    for one in running.values():
        numbers[one["host"]] += 1
        env = {**one["env"], "CRM_alert_task": "stop", "CRM_alert_interval": "0", "CRM_alert_target_rc": "0"}
        env |= {SEQUENCE: str(numbers[one["host"]]), EPOCH: _stamp(last)[0], USEC: _stamp(last)[1]}
        found.append({"host": one["host"], "received": last, "env": env | {"CRM_alert_status": "0", "CRM_alert_desc": "ok"}})
    return found


def both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {
        "incidents": [*one["incidents"], *other["incidents"]],
        "n": [a + b for a, b in zip(one["n"], other["n"], strict=True)],
        "rings": [a + b for a, b in zip(one["rings"], other["rings"], strict=True)],
        "may": [*one.get("may", ()), *other.get("may", ())],
    }

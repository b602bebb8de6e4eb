"""`setup drbd` on configurations as they are in the wild, judged by the real drbdadm of both generations."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.node.drbd_handlers import setup
from tests.handlers.kernel import GLOBAL, HANDLERS, Kernel, resources

ROOT = Path(__file__).parents[2]
REFUSING = {"before-resync-source", "before-resync-target"}
SAMPLE = """common {
\thandlers {
\t\t# These are EXAMPLE handlers only.
\t\tpri-on-incon-degr "echo site >> %(log)s; echo b > /dev/null ; exit 9";
\t\tsplit-brain "echo site $DRBD_RESOURCE >> %(log)s; exit 6";
\t\t# out-of-sync "/usr/lib/drbd/notify-out-of-sync.sh root";
\t\tbefore-resync-target "exit 8";
\t\tafter-resync-target /bin/false;
\t\tfence-peer "echo \\"fence\\" >> %(log)s; exit 7";
\t}

\tnet { verify-alg crc32c; }
}
"""


class Site:
    """A node's /etc/drbd.conf with its drbd.d, under a folder, and our handler in it."""

    def __init__(self, base, generation, capsys, monkeypatch):
        self.base = base
        self.generation = generation
        self.config = base / "etc/drbd.conf"
        self.common = base / "etc/drbd.d/global_common.conf"
        self.res = base / "etc/drbd.d/all.res"
        self.log = base / "log"
        self.program = base / "bin/quorumbell-drbd"
        self._capsys = capsys
        self.kernel = Kernel(generation=generation, config=self.config)
        for name, value in self.kernel.environment().items():
            monkeypatch.setenv(name, value)
        self.common.parent.mkdir(parents=True)
        self.program.parent.mkdir()
        self.program.write_text(f'#!/bin/sh\nexec env quorumbell_base={base} {ROOT}/handlers/quorumbell-drbd "$@"\n')
        self.program.chmod(0o755)
        self.config.write_text('include "drbd.d/global_common.conf";\ninclude "drbd.d/*.res";\n')

    def write(self, common=SAMPLE, extra=None):
        self.common.write_text(GLOBAL + (common % {"log": self.log} if "%(log)s" in common else common))
        self.res.write_text(resources(self.generation, extra))
        return self

    def run(self, *words):
        code = setup.main(["--config", str(self.config), "--program", str(self.program), *words])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def files(self):
        return {path: path.read_text() for path in (self.config, self.common, self.res)}

    def logged(self):
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def site(base, node, generation, capsys, monkeypatch):
    return Site(base, generation, capsys, monkeypatch)


def told(node):
    from tests.alert_scripts.conftest import read

    return [(report["handler"], report.get("rc")) for report in (read(path.read_bytes()) for path in node.files())]


def test_it_only_shows_until_it_is_told_to_write(site):
    before = site.write().files()

    code, out, err = site.run()

    assert (code, err) == (0, "")
    assert f'+\t\tsplit-brain "{site.program} split-brain; echo site $DRBD_RESOURCE' in out
    assert "nothing was written" in out
    assert site.files() == before


def test_every_handler_then_tells_and_the_sites_own_do_what_they_did(site, node, generation):
    site.write()
    assert site.run("--apply")[0] == 0
    quiet = set(HANDLERS[generation]) - REFUSING

    codes = {name: site.kernel.call(name) for name in HANDLERS[generation]}

    # A resync that the site's own handler refuses is still refused, and ours is not there to refuse another.
    own = {"pri-on-incon-degr": 9, "split-brain": 6, "before-resync-target": 8, "after-resync-target": 1, "fence-peer": 7}
    assert codes == dict.fromkeys(HANDLERS[generation], 0) | own
    assert dict(told(node)) == dict.fromkeys(quiet) | {"fence-peer": "7"}
    assert sorted(site.logged().splitlines()) == ["fence", "site", "site r0"]


def test_names_of_the_other_generation_are_not_written(site, generation):
    """One of them in 8.4, and every command and every handler fails."""
    site.write()
    site.run("--apply")

    assert ("quorum-lost" in site.common.read_text()) == ("disconnected" in site.common.read_text()) == (generation == "9")


def test_again_changes_nothing(site):
    site.write()
    site.run("--apply")
    once = site.files()

    code, out, _ = site.run("--apply")

    assert (code, site.files()) == (0, once)
    assert "nothing to change" in out


def test_remove_gives_back_what_was_there(site):
    common = SAMPLE.replace("/bin/false", '"/bin/false"')
    before = site.write(common).files()
    site.run("--apply")
    assert site.files() != before

    assert site.run("--remove")[0] == 0
    assert site.files() != before, "shown only"
    assert site.run("--remove", "--apply")[0] == 0
    assert site.files() == before


@pytest.mark.parametrize(
    "common",
    [
        "",
        "common { }\n",
        "common {\n    net { verify-alg crc32c; }\n}\n",
        "common { handlers { } }\n",
        'common { handlers { split-brain "true"; } net { verify-alg crc32c; } }\n',
        "common {\n  handlers {\n    # nothing yet\n  }\n}\n",
        'common { handlers { split-brain "a \\"quoted\\" word; true"; out-of-sync "echo a#b { } ; # c"; } }\n',
        "# common { handlers { } }\ncommon { startup { wfc-timeout 5; } }\n",
    ],
)
def test_forms_of_configuration(site, node, common):
    before = site.write(common).files()

    code, _, err = site.run("--apply")
    assert (code, err) == (0, "")
    assert site.kernel.call("split-brain", "r1/1") == 0
    assert told(node) == [("split-brain", None)]

    site.run("--remove", "--apply")
    now = site.files()
    assert {path: re.sub(r"\s*handlers \{\s*\}", "", text) for path, text in now.items()} == {
        path: re.sub(r"\s*handlers \{\s*\}", "", text) for path, text in before.items()
    }


def test_no_fence_peer_is_made_where_there_is_none(site):
    """An answer by nobody is a broken helper, and I/O stays frozen."""
    site.write("common { }\n").run("--apply")

    assert " fence-peer" not in site.common.read_text()


def test_a_resource_that_overrides_is_chained_in_its_own_section(site, node):
    site.write(extra={"r1": f'    handlers {{\n        split-brain "echo own >> {site.log}; exit 3";\n    }}\n'})

    code, out, _ = site.run("--apply")

    assert code == 0
    assert "resource r1 tells: split-brain" in out
    assert (site.kernel.call("split-brain", "r0/0"), site.kernel.call("split-brain", "r1/0")) == (6, 3)
    assert told(node) == [("split-brain", None)] * 2
    assert site.logged() == "site r0\nown\n"
    assert site.kernel.call("local-io-error", "r1/0") == 0
    assert told(node)[-1] == ("local-io-error", None), "what the resource leaves to common, common tells"


def test_a_name_given_twice_in_a_resource(site, node):
    """The first counts."""
    site.write(extra={"r1": '    handlers { split-brain "exit 3"; split-brain "exit 4"; }\n'}).run("--apply")

    assert site.kernel.call("split-brain", "r1/0") == 3
    assert told(node) == [("split-brain", None)]


def test_files_that_are_generated_are_left_to_a_person(site):
    site.write()
    site.res.write_text(
        "# This file was generated by linstor(1.2), do not edit manually.\n"
        + resources(site.generation, {"r1": '    handlers { split-brain "exit 3"; }\n'})
    )
    before = site.res.read_text()

    code, out, _ = site.run("--apply")

    assert code == 1
    assert f"BY HAND: {site.res}: is generated: set these handlers of resource r1" in out
    assert f'split-brain "{site.program} split-brain; exit 3";' in out
    assert site.res.read_text() == before


def test_a_common_section_that_is_generated_is_not_doubled(site):
    site.write("")
    site.common.write_text("# generated by a program\n" + GLOBAL + "common { net { verify-alg crc32c; } }\n")

    code, out, _ = site.run("--apply")

    assert code == 1
    assert "set these handlers of common" in out
    assert "common" not in site.config.read_text().replace("global_common", "")


def test_a_command_too_long_to_be_chained_is_left_and_told(site, node):
    long = "true " + "x" * 240
    site.write(f'common {{ handlers {{ split-brain "{long}"; }} }}\n')

    code, out, _ = site.run("--apply")

    assert code == 1
    assert "BY HAND: common: split-brain would be" in out
    assert f'split-brain "{long}"' in site.common.read_text()
    assert site.kernel.call("out-of-sync") == 0
    assert told(node) == [("out-of-sync", None)]


def test_the_longest_command_that_fits(site, node):
    room = 255 - len(f"{site.program} split-brain; true ")
    site.write(f'common {{ handlers {{ split-brain "true {"x" * room}"; }} }}\n')

    assert site.run("--apply")[0] == 0
    assert site.kernel.call("split-brain") == 0
    assert told(node) == [("split-brain", None)]


def test_what_a_site_chained_itself_is_left(site):
    site.write(f'common {{ handlers {{ split-brain "sleep 0 && {site.program} split-brain"; }} }}\n')

    code, out, _ = site.run("--apply")

    assert code == 1
    assert "split-brain calls quorumbell-drbd in its own way" in out
    assert f'"sleep 0 && {site.program} split-brain"' in site.common.read_text()


def test_a_changed_command_of_the_site_and_a_moved_program(site, node):
    """An upgrade: run again, and nothing is wrapped twice."""
    site.write().run("--apply")
    site.common.write_text(
        site.common.read_text().replace("exit 6", "exit 5").replace(str(site.program), "/old/place/quorumbell-drbd")
    )

    assert site.run("--apply")[0] == 0

    assert "/old/place" not in site.common.read_text()
    assert site.kernel.call("split-brain") == 5
    assert told(node) == [("split-brain", None)]


def test_from_9_to_8_4_and_back(site, generation):
    site.write().run("--apply")
    other = "9" if generation == "8.4" else "8.4"
    once = site.common.read_text()

    site.res.write_text(resources(other))
    assert site.run("--apply", "--generation", other)[0] == 0
    assert ("disconnected" in site.common.read_text()) == (other == "9")
    site.res.write_text(resources(generation))
    assert site.run("--apply")[0] == 0

    assert site.common.read_text() == once


def test_resyncs_too_when_wanted(site, node):
    site.write(SAMPLE.replace('before-resync-target "exit 8"', 'before-resync-target "exit 0"')).run("--apply", "--with-resync")

    assert (site.kernel.call("before-resync-target"), site.kernel.call("before-resync-source")) == (0, 0)
    assert [name for name, _ in told(node)] == ["before-resync-target", "before-resync-source"]
    assert f'before-resync-source "{site.program} before-resync-source || true";' in site.common.read_text()


def test_fence_peer_under_its_old_name(site, node, generation):
    site.write('common { handlers { outdate-peer "exit 4"; } }\n')

    code, out, _ = site.run("--apply")

    if generation == "8.4":
        assert (code, site.kernel.call("fence-peer"), told(node)) == (0, 4, [("fence-peer", "4")])
    else:
        assert code == 1
        assert "DRBD 9 never calls outdate-peer: name it fence-peer" in out


# --- mistakes ------------------------------------------------------------------------------------------------------------


def test_a_broken_configuration_is_told_with_its_place(site):
    before = site.write(SAMPLE.replace("net {", "nett {")).files()

    code, _, err = site.run("--apply")

    assert code == 78
    assert "drbdadm does not accept the configuration (10)" in err
    assert re.search(r"global_common\.conf:\d+: Parse error", err)
    assert "/tmp/quorumbell-drbd" not in err, "the real file is named, not the copy"
    assert site.files() == before


def test_two_commands_for_one_handler_in_common(site, generation):
    """`dump` reads it, and then no handler can be called: the site must know."""
    before = site.write('common { handlers { split-brain "exit 1"; split-brain "exit 2"; } }\n').files()

    code, _, err = site.run("--apply")

    if generation == "9":
        assert (code, site.files()) == (78, before)
        assert "ambiguous inheritance" in err


def test_no_module_and_no_word_which(site, monkeypatch):
    monkeypatch.delenv("DRBD_DRIVER_VERSION_OVERRIDE")
    site.write()

    code, _, err = site.run()

    assert code == 78
    assert "say --generation 8.4 or --generation 9" in err


def test_no_handler_at_its_place_names_the_cure(site):
    site.write()
    site.program.unlink()

    code, _, err = site.run()

    assert code == 78
    assert f"install -D -m 0755 {ROOT}/handlers/quorumbell-drbd {site.program}" in err


def test_no_configuration(site):
    code, _, err = site.run()

    assert code == 78
    assert "drbdadm does not accept" in err or "No such file" in err


def test_a_file_that_cannot_be_written_takes_back_those_that_were(site, monkeypatch):
    before = site.write(extra={"r1": '    handlers { split-brain "exit 3"; }\n'}).files()
    replace, done = setup._replace, []

    def full(path, text):
        if len(done) == 1 and path not in done:
            raise OSError(28, "No space left on device", path)
        done.append(path)
        replace(path, text)

    monkeypatch.setattr(setup, "_replace", full)

    code, _, err = site.run("--apply")

    assert len(set(done)) == 1
    assert code == 78
    assert "No space left on device: nothing was changed" in err
    assert site.files() == before


def test_owner_and_mode_of_a_file_stay(site):
    site.write()
    site.common.chmod(0o640)

    site.run("--apply")

    assert site.common.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in site.common.parent.iterdir()) == ["all.res", "global_common.conf"]


def test_a_file_is_written_beside_itself_under_a_name_that_drbd_does_not_include(site, monkeypatch):
    """In another folder it could be on another disk; as *.res, drbdadm would read it twice."""
    moves = []
    monkeypatch.setattr(os, "rename", lambda old, new: (moves.append((Path(old), Path(new))), os.replace(old, new)))
    site.write()
    site.run("--apply")
    assert moves
    assert all(old.parent == new.parent and old.suffix != ".res" for old, new in moves)


@pytest.mark.parametrize("indent", ["\t", "    "])
def test_lines_of_ours_are_indented_as_the_file_is(site, indent):
    site.write(f"common {{\n{indent}net {{\n{indent}{indent}verify-alg crc32c;\n{indent}}}\n}}\n")
    site.run("--apply")
    ours = [line for line in site.common.read_text().splitlines() if "quorumbell-drbd" in line]
    assert ours
    assert {line[: len(line) - len(line.lstrip())] for line in ours} == {indent * 2}


def test_a_link_stays_a_link(site):
    site.write()
    real = site.base / "real.conf"
    site.common.rename(real)
    site.common.symlink_to(real)

    site.run("--apply")

    assert site.common.is_symlink()
    assert "quorumbell-drbd" in real.read_text()


def test_a_module_that_calls_no_handlers(site, monkeypatch, tmp_path):
    parameter = tmp_path / "usermode_helper"
    parameter.write_text("disabled\n")
    monkeypatch.setattr(setup.handlers_are_off, "__defaults__", (str(parameter),))
    before = site.write().files()

    code, out, _ = site.run("--apply")

    assert code == 0
    assert "calls no handlers" in out
    assert site.files() == before


def test_the_command_and_the_systems_python_are_the_same(site):
    site.write()
    words = ["--config", str(site.config), "--program", str(site.program)]
    runs = [
        subprocess.run([*argv, *words], capture_output=True, text=True, cwd=ROOT)
        for argv in (
            [sys.executable, "-m", "bridge", "setup", "drbd"],
            ["/usr/bin/python3", "-m", "bridge.node.drbd_handlers.setup"],
        )
    ]

    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stdout == runs[1].stdout

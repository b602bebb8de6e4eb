# One door: every task of a developer is a target here, and .ci/run calls the same ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

RELEASES = $(if $(filter undefined,$(origin RELEASE)),bookworm,$(RELEASE))

.DEFAULT_GOAL := help
.PHONY: help demo test coverage check fmt bench wheel packages packages-test packages-cluster release judge crash cluster mutants debian synapse lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quorumbell needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## a recorded power cut goes through the whole bridge (KEEP=1 stays up)
	@$(BIN)/python -m examples.demo $(if $(KEEP),--keep)

test: check $(READY) ## everything that needs no root: checks and all tests
	$(BIN)/python -m pytest -q -n 6 --dist worksteal -m "not cluster and not installed and not crash and not judge"

coverage: $(READY) ## what the tests reach, but for those that time whole processes (tests/serve, tests/wire): the least reached files, and the sum
	$(BIN)/coverage erase
	CI= $(BIN)/python -m coverage run -m pytest -q -n 2 --dist worksteal -m "not cluster and not installed and not crash and not judge" --ignore tests/serve --ignore tests/wire --ignore tests/package
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report | sed -n '1,22p;$$p'

check: $(READY) ## format, lint, types, who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fmt: $(READY) ## format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

judge: $(READY) ## rehearse every recording against what should be told
	$(BIN)/python -m pytest -q -m judge

crash: $(READY) ## kill -9 at random moments, and a ledger that takes nothing: nothing lost, nothing twice
	$(BIN)/python -m pytest -q -n 2 -m crash

cluster: $(READY) ## real clusters, and what is said of them (needs root; RELEASE=bullseye, bookworm, trixie or mixed; ONLY='power')
	tests/cluster/run $(or $(RELEASE),host) $(if $(ONLY),-k '$(ONLY)')

mutants: $(READY) ## faults in a room's code that no test sees (ROOM=core/telling, SHARE=1/4: a sample)
	$(BIN)/python -m tools.mutants $(or $(ROOM),core/telling) $(or $(SHARE),1/1) $(ONLY)

bench: $(READY) ## hook cost, latency, throughput, all in one run
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m benchmarks

wheel: $(READY) ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

packages: $(READY) ## .deb and .rpm into dist/ (the bridge's needs root; RELEASE='bookworm trixie', RELEASE= for the node's alone)
	$(BIN)/python -m tools.packages $(RELEASES)

packages-test: ## install, upgrade, remove and purge them in roots of their releases (needs root)
	packaging/test $(RELEASES)

packages-cluster: $(READY) ## dist/'s packages on a real cluster under systemd, set up as docs/install.md says (needs root; RELEASE=bookworm, trixie or bullseye)
	tests/cluster/run installed-$(or $(RELEASE),bookworm) -s

release: $(READY) wheel packages ## is what lies here fit to be released: tag, changelog, locks, wheel, packages (needs root; RELEASE='bookworm trixie')
	@$(BIN)/python -m tools.release $(RELEASES)

debian: ## demo and tests on another Debian, in a root of its own (needs root; RELEASE=trixie)
	tests/on-debian $(or $(RELEASE),trixie) synapse demo test

synapse: .synapse/.ready ## a real Matrix server for the tests, in an environment of its own

.synapse/.ready: tests/servers/synapse.lock
	$(PYTHON) -m venv --clear .synapse
	.synapse/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/servers/synapse.lock
	@touch $@

lock: ## pin every dependency, with hashes
	$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet uv
	echo matrix-synapse | $(VENV)-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11 - -o tests/servers/synapse.lock
	$(VENV)-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --all-extras --group dev pyproject.toml -o requirements.lock
	$(VENV)-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --all-extras pyproject.toml -c requirements.lock -o packaging/requirements.lock
	rm -rf $(VENV)-lock

clean: ## remove everything that was built
	rm -rf $(VENV) .debian .synapse dist .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants .coverage*

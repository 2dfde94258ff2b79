# Every target sets up what it needs by itself: `make demo` is enough on a fresh machine.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON_BIN := .venv/bin/python
LATEST := .venv-2.21
OF_CORE := ansible_doc become equal_to_linear faults missing_package module_kinds packaging sharing
DEPENDS_ON_CORE := $(OF_CORE:%=tests/integration/test_%.py) \
	$(patsubst %,tests/integration/target/test_%.py,isolation reuse reuse_list)

# Run a command with an environment of the newest ansible-core that is supported, where a Python for it is found.
define with_latest
	@status=0; scripts/setup.sh $(LATEST) 2.21 3.12 dev,bench || status=$$?; \
	if [ $$status = 3 ]; then echo "no Python 3.12 or newer: $@ not run with ansible-core 2.21"; exit 0; fi; \
	[ $$status = 0 ] || exit $$status; \
	set -x; $(1)
endef

# Tests with real processes run side by side, one file of them per process.
JOBS ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
IN_PARALLEL = -n $(JOBS) --dist loadfile

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

# Molecule's scenarios: all when this is empty. The gate runs two.
SCENARIOS ?=
GATE_SCENARIOS := default become
# Molecule leaves an inventory and a configuration behind; here `make clean` removes them.
MOLECULE := ANSIBLE_HOME=$(CURDIR)/.cache/ansible molecule

.PHONY: help setup demo test lint playbook-lint unit testing integration random-plays integration-latest conformance-quick molecule gate-molecule options changelog docs sanity bench build clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

setup: ## make .venv and install what is missing on the machine
	@scripts/setup.sh

demo: setup ## run examples/site.yml with svc_linear on ten hosts of a private sshd
	@$(PYTHON_BIN) -m scripts.demo

test: lint playbook-lint docs unit integration integration-latest conformance-quick gate-molecule ## everything the gate runs

lint: setup ## style, types, who may import whom
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo

playbook-lint: setup ## ansible-lint's production profile on our playbooks and roles
	ansible-lint --offline --profile production examples molecule

unit: setup ## tests without processes
	$(PYTHON_BIN) -m pytest tests/unit

testing: # what only some tests need
	@TESTING=1 scripts/setup.sh

integration: setup testing ## tests with real mitogen contexts, sshd and ansible-playbook
	$(PYTHON_BIN) -m pytest $(IN_PARALLEL) tests/integration

random-plays: setup testing ## playbooks made by chance, under ansible-core's strategies and ours (SEEDS=1-100)
	SVC_TEST_SEEDS="$(or $(SEEDS),1-100)" $(PYTHON_BIN) -m pytest tests/integration/test_random_plays.py

integration-latest: ## those of them that stand on ansible-core, with the newest one that is supported, where a Python for it is found
	$(call with_latest,$(LATEST)/bin/python -m pytest $(IN_PARALLEL) $(DEPENDS_ON_CORE))

conformance-quick: setup ## the fastest of ansible-core's own integration targets under svc_linear, where the machine can make private hosts
	@status=0; $(PYTHON_BIN) -m tests.conformance run --subset quick --stock-later --jobs 2 || status=$$?; \
	if [ $$status = 3 ]; then echo "not run: ansible-core's integration targets"; exit 0; fi; \
	exit $$status

molecule: setup ## scenarios on real ssh hosts: all, or SCENARIOS="default become"
	$(if $(SCENARIOS),for name in $(SCENARIOS); do $(MOLECULE) test --scenario-name $$name; done,$(MOLECULE) test --all)

gate-molecule:
	$(MAKE) molecule SCENARIOS="$(GATE_SCENARIOS)"

options: setup ## write docs/options.md from the documentation of the plugins
	$(PYTHON_BIN) -m scripts.options_reference

# On a copy: antsibull-changelog finds no plugins behind a link, and a look ahead leaves the fragments where they are.
changelog: setup ## write CHANGELOG.md from changelogs/, as the next release will have it; RELEASE=1 uses the fragments up
	@rm -rf .cache/changelog && mkdir -p .cache/changelog
	@cp -RL changelogs galaxy.yml plugins .cache/changelog/
	cd .cache/changelog && antsibull-changelog release --update-existing
	@cp .cache/changelog/CHANGELOG.md .
	@[ -z "$(RELEASE)" ] || { rm -r changelogs/fragments && cp -R .cache/changelog/changelogs/{changelog.yaml,fragments} changelogs/; }

docs: setup ## the site in .cache/site, with warnings as errors; broken links are warnings
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict

sanity: setup ## ansible-test sanity on a staged copy of the collection, with the oldest and the newest ansible-core
	$(PYTHON_BIN) -m scripts.sanity
	$(call with_latest,$(LATEST)/bin/python -m scripts.sanity)

.venv-pyinfra/bin/pyinfra: | setup
	$(PYTHON_BIN) -m venv .venv-pyinfra
	.venv-pyinfra/bin/pip install --quiet 'pyinfra==3.10.*'

bench: .venv-pyinfra/bin/pyinfra ## svc_linear beside linear, mitogen_linear and pyinfra, in one run (BENCH_ARGS="--hosts 10 --workload mixed")
	$(PYTHON_BIN) -m bench.compare $(BENCH_ARGS)

build: setup ## wheel and sdist, and the collection for ansible-galaxy
	$(PYTHON_BIN) -m build --outdir dist
	ansible-galaxy collection build --force --output-path dist

clean: ## remove what the targets made
	rm -rf .venv .venv-2.21 build dist .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf examples/.build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

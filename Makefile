# `make run` and `make test` set up everything themselves; both work on a fresh machine with Python 3.11.
PYTHON ?= python3.11
BIN := .venv/bin
JOBS ?= auto
# A file goes to one worker; tests/conftest.py puts the long ones first.
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder
# Where the environment says otherwise, compiled modules are kept all the same: every `rambarde` that is started
# would compile all of them again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test test-extras demo setup check soak bench eval pin clean

run: setup
	$(BIN)/rambarde serve --demo

test: .venv/.test
	scripts/get chromium chromium "tests of pages are skipped"
	$(BIN)/python -m pytest -m "not soak" $(PARALLEL)

# The adapters with the real thing, which is large: torch (2 GB), LiteLLM's proxy (1.5 GB), Gradio. In environments of
# their own, and never part of `make test`.
ADAPTERS := $(patsubst %/pyproject.toml,./%,$(wildcard adapters/*/pyproject.toml))
test-extras: .venv-torch/.ready .venv-litellm/.ready
	.venv-torch/bin/python -m pytest adapters/diffusers adapters/gradio
	.venv-litellm/bin/python -m pytest adapters/litellm adapters/test_parity.py

# The scenarios of January 2026 on every surface: make demo ARGS="--scenario GX-01 --json"
ARGS ?=
demo: .venv/.demo
	$(BIN)/rambarde demo $(ARGS)

setup: .venv/.run

# Lint, types and the quick tests: under 90 seconds.
check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m "not slow and not soak" $(PARALLEL)

# What takes minutes: kill -9 in numbers, long runs, property tests at length, all scenarios on all surfaces.
soak: .venv/.test
	$(BIN)/python -m pytest -m soak

bench: .venv/.test
	for file in bench/*.py; do $(BIN)/python $$file || exit 1; done

# Recall and false positives on labelled data, where it is present: make eval DATA=folder
DATA ?= ../shared/data/prompts
# Photographs named by person, for real pairs; ARGS=--packages fetches photographs that nothing was chosen on.
SAME ?= ../shared/data/images/portraits
eval: .venv/.test
	$(BIN)/python training/eval_text.py $(DATA)
	$(BIN)/python training/eval_comparison.py --same $(SAME) $(ARGS)
	$(BIN)/python training/eval_bodies.py $(ARGS)
	$(BIN)/python training/eval_people.py --same $(SAME) $(ARGS)
	$(BIN)/python training/eval_attacks.py $(ARGS)
	$(BIN)/python training/eval_writing.py $(ARGS)

# Write the installed detectors into the shipped policy: a policy change, visible as a diff.
pin: .venv/.test
	$(BIN)/python training/pin_detectors.py

clean:
	rm -rf .venv .venv-torch .venv-litellm build

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/.test: .venv/bin/python pyproject.toml constraints.txt
	scripts/get c++ g++ "pdqhash, a reference of the tests, cannot be built"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,postgresql]'
# Another implementation of the log's formats. It asks for Python 3.12, and runs on 3.11.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps --ignore-requires-python aics-tlog
	scripts/reader .venv/node
	scripts/clients .venv/clients
	touch $@ .venv/.run

.venv/.demo: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	touch $@ .venv/.run

.venv-%/.ready: adapters/requirements-%.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	# Second, because LiteLLM's proxy asks for an older rich than Rambarde; it works with the newer one.
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,postgresql]'
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(ADAPTERS)
	touch $@

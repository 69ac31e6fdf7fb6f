PYTHON ?= python3.11
.PHONY: setup
setup:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -c constraints.txt -e '.[test]'

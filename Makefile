# Two commands do all the set-up: `make sample` and `make test`. `make help` lists the rest.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
SAMPLE := examples/kodim21.png

.PHONY: help sample test check docs format vectors web wheel

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# what users get: without torch
$(VENV)/.light: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed: $(VENV)/.light
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

sample: $(VENV)/.light ## install, then encode and decode the sample photograph into out/
	@mkdir -p out
	$(BIN)/tadmc encode $(SAMPLE) out/sample.tadm -f
	$(BIN)/tadmc thumbnail out/sample.tadm -o out/sample-lr.png -f
	$(BIN)/tadmc decode out/sample.tadm out/sample.png -f
	@ls -l $(SAMPLE) out/sample.tadm out/sample.png

test: $(VENV)/.installed ## install everything, then run the tests, slow ones too
	$(BIN)/python -m pytest -n auto --dist loadscope -m "not long and not gpu and not weights"

check: $(VENV)/.installed ## formatting, lint, types, import contracts, specification
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_spec.py

docs: $(VENV)/.installed ## the documentation as a site in out/site, warnings as errors, links checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

web: $(VENV)/.installed ## build and test the reader and viewer for browsers (needs Node.js and npm)
	$(BIN)/python tools/make_web_models.py
	$(BIN)/python tools/make_web_examples.py
	$(BIN)/python -m tools.make_web_vectors
	cd web && npm ci && npm run check && npm run build
	rm -rf codec/viewer/page && cp -r web/dist codec/viewer/page && rm -r codec/viewer/page/models codec/viewer/page/types
	cd web && TADMC="$(abspath $(BIN))/tadmc" npm test

format: $(VENV)/.installed ## format the code and fix what lint can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(VENV)/.installed ## build the wheel, and use it in an empty environment
	$(BIN)/python tools/try_install.py

vectors: $(VENV)/.installed ## write the golden files that are not there yet
	$(BIN)/python tools/make_vectors.py

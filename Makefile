# make demo   installs everything, builds the embedded default and answers three queries
# make test   installs everything and runs the tests
# make check  lint and types;  make test-all  the slow and network tests too
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-all check wheel-smoke clean

demo: $(INSTALLED)
	$(BIN)/placebind demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -q

test-all: $(INSTALLED)
	$(BIN)/python -m pytest -q -m ""

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The wheel as a user gets it: built, installed beside the repository's dependencies in a folder of its own, one command run.
wheel-smoke: $(INSTALLED)
	rm -rf build/wheel && $(BIN)/python -m build --wheel --no-isolation --outdir build/wheel . > /dev/null
	$(PIP) install --no-deps --target build/wheel/site build/wheel/*.whl
	cd build/wheel && PYTHONPATH=site ../../$(BIN)/python -c "import sys, index; assert 'build/wheel/site' in index.__file__, index.__file__; \
	from ui.cli import main; sys.argv = ['placebind', 'doctor']; main()"

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "PlaceBind needs Python 3.11 or newer, this is " + sys.version'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e '.[cpu,raster,demo,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist

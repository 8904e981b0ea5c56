# make demo   installs what the demo needs, builds the embedded default and serves the map
# make test   installs everything and runs the tests, those in a browser included
# make check  lint, types, layers and the documentation;  make test-all  the slow and network tests too
# make docs   the documentation's site in build/site, offline
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
INSTALLED := $(VENV)/.installed
FOR_DEMO := $(VENV)/.installed-demo

# A process for each core, in each one thread: torch's own threads would fight with the other process for the cores.
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile
FRONT := ui/node_modules/.package-lock.json

.PHONY: demo test test-all check docs wheel-smoke chromium nginx clean

# Where everything is installed, that is kept. Python compiles what is imported at its first use: all at once takes half a minute.
demo: $(if $(wildcard $(INSTALLED)),$(INSTALLED),$(FOR_DEMO)) $(FRONT)
	$(BIN)/placebind demo
	$(BIN)/placebind ui

test: $(INSTALLED) $(FRONT) chromium nginx
	$(TESTS)

test-all: $(INSTALLED) $(FRONT) chromium nginx
	$(TESTS) -m ""

check: $(INSTALLED) docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A warning is an error: a page without a place in the navigation, a link or a cross-reference that leads nowhere.
docs: $(INSTALLED)
	$(BIN)/properdocs build --strict

# The wheel as a user gets it: built, installed beside the repository's dependencies in a folder of its own; the model that it brings
# indexes a few places and is asked for one.
WHEEL := PYTHONPATH=site ../../$(BIN)/python -m ui
wheel-smoke: $(INSTALLED)
	rm -rf build/wheel && $(BIN)/python -m build --wheel --no-isolation --outdir build/wheel . > /dev/null
	$(PIP) install --no-deps --target build/wheel/site build/wheel/*.whl
	cd build/wheel && PYTHONPATH=site ../../$(BIN)/python -c "import sys, index; assert 'build/wheel/site' in index.__file__, index.__file__; \
	from ui.cli.main import main; sys.argv = ['placebind', 'doctor']; main()"
	cd build/wheel && $(WHEEL) ingest grid --points 500 --catalogue world && $(WHEEL) index build --catalogue world && \
	$(WHEEL) search "salt flat in the Andes" -k 1 --catalogue world | grep "km .* of"

$(INSTALLED): pyproject.toml constraints.txt | $(VENV)
	$(PIP) install -c constraints.txt -e '.[cpu,raster,demo,train,scale,docs,dev]'
	touch $@

$(FOR_DEMO): pyproject.toml constraints.txt $(wildcard requirements/*.txt) | $(VENV)
	$(PIP) install --no-compile -c constraints.txt -r requirements/demo.txt hatchling editables
	$(PIP) install --no-compile --no-deps -r requirements/bare.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(VENV):
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "PlaceBind needs Python 3.11 or newer, this is " + sys.version'
	$(PYTHON) -m venv $(VENV)

# Leaflet and the like. Without npm the map takes them from a CDN.
$(FRONT): ui/package-lock.json
	if command -v npm > /dev/null; then npm ci --prefix ui --silent && touch $@; else echo "npm is missing: the map will need the internet"; fi

# The proxy of the tests, where it can be installed; without it that test is skipped.
nginx:
	@command -v nginx > /dev/null || [ -x /usr/sbin/nginx ] || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && \
	apt-get update -qq && apt-get install -y -qq nginx-light > /dev/null; } || echo "nginx is missing: the test behind a proxy is skipped"

# The browser of the tests: the system's, else Debian's, else the one that Playwright brings.
chromium: $(INSTALLED)
	@command -v chromium > /dev/null || command -v google-chrome > /dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && \
	apt-get update -qq && apt-get install -y -qq chromium > /dev/null; } || $(BIN)/python -m playwright install chromium

clean:
	rm -rf $(VENV) build dist

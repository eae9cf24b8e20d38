# make demo   set everything up and show the main job on embedded data
# make test   set everything up and pass the tests
# make full-size  build every network of specs/ at full size and train a step of one a family, in minutes
# make first-losses  the first loss of every network at full size, in a quarter of an hour
# make documented  run the trainings that README and docs/ show, in minutes
# make site   run the notebook and build the documentation in build/site; a broken link is an error
# make playground  build the playground with npm: build/playground/ for a server, build/playground.html by itself
# make generate  write what follows from the tables of words: pages, editor colours, expected outputs
# make paper  write the tables of docs/paper.md and docs/scores.md: the paper's numbers beside ours
# make paper-times  measure the times of the paper's networks, in an hour
# make check  lint, generated files, types and the import contract
# make vscode builds the extension of VS Code with npm, editors/vscode/ctc-*.vsix
# make bench  the benchmarks of benchmarks/README.md
# make clean  remove what the others made

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
# The pins hold for what builds the package, too.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test full-size first-losses documented site playground generate paper paper-times check vscode bench clean

demo: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" ./demo.sh

test: $(READY)
	$(BIN)/pytest -n auto --dist worksteal

full-size: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal -m full_size tests/end_to_end/test_full_size.py tests/end_to_end/test_half_precision.py

first-losses: $(READY)
	$(BIN)/pytest -m first_losses tests/codegen/test_initialisation.py

documented: $(READY)
	$(BIN)/pytest -m documented tests/end_to_end/test_documents.py

site: .venv/.docs
	$(BIN)/python docs/notebook.py
	$(BIN)/python docs/gather.py build/pages
	$(BIN)/zensical build --strict --clean

generate: $(READY)
	$(BIN)/python docs/generate.py
	$(BIN)/pytest --update-golden tests/codegen/test_pytorch.py tests/errors

paper: $(READY)
	$(BIN)/python docs/paper.py
	$(BIN)/python docs/scores_page.py

paper-times: $(READY)
	$(BIN)/python -m benchmarks.paper_times
	$(BIN)/python docs/paper.py

check: $(READY)
	$(BIN)/python docs/generate.py --check
	$(BIN)/python docs/paper.py --check
	$(BIN)/python docs/scores_page.py --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

playground: $(READY)
	rm -rf build/playground-site
	$(BIN)/python -m pip install --quiet --no-deps --target build/playground-site . lark jinja2 markupsafe
	cd docs/playground && npm ci --no-audit --no-fund --silent && npm run --silent build

vscode:
	cd editors/vscode && npm ci --no-audit --no-fund && npm run package

bench: $(READY)
	$(BIN)/python benchmarks/cold_start.py
	$(BIN)/python benchmarks/warm_check.py
	$(BIN)/python benchmarks/rewrites.py
	$(BIN)/python benchmarks/written_out.py
	$(BIN)/python benchmarks/ten_view.py

$(READY): pyproject.toml constraints.txt
	@echo "Setting up .venv with $(PYTHON): PyTorch makes this a few minutes."
	$(PYTHON) -c 'import sys; sys.exit("ctcdsl needs Python 3.11 or later") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m compileall -q ctcdsl
	touch $(READY)

.venv/.docs: $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv build dist runs .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Every command of this project; `make` alone lists them. Written for GNU make 3.81 (macOS) and later.

VENV ?= .venv
PORT ?= 8000
# Two workers suit two cores; each holds one TensorFlow.
WORKERS ?= 2

PYTHON_OF_VENV = $(VENV)/bin/python
READY = $(VENV)/.companion-ready
TIMED = @sh tools/timing.sh run
UV = sh tools/uv.sh "$(VENV)"

# Keras speaks to TensorFlow, which keeps quiet; figures need no screen.
KERAS_BACKEND ?= tensorflow
TF_CPP_MIN_LOG_LEVEL ?= 3
MPLBACKEND ?= agg
export KERAS_BACKEND TF_CPP_MIN_LOG_LEVEL MPLBACKEND
# What a shell happens to hold must not decide which package the book and its tests import.
unexport PYTHONPATH
# A Python that keeps no compiled files compiles all of TensorFlow again at every start: 13 seconds of a core, not 5.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help environment book student zip portable quick test colab backends execute chapter experiments explorers errata bench patients own-data instructors first-cells set-repository wheel serve lint mutants lock clean distclean

help:
	@sh tools/timing.sh list Makefile

environment: $(READY) ## make .venv from requirements.txt; the other commands do it by themselves

$(READY): requirements.txt pyproject.toml
	$(TIMED) environment $(UV) pip install --python "$(PYTHON_OF_VENV)" --require-hashes -r requirements.txt
	@$(UV) pip install --python "$(PYTHON_OF_VENV)" --no-deps --no-build-isolation --quiet -e .
	@touch $@

# Sphinx reports a warning only when it reads a page, so after a failure all pages have to be read again.
book: $(READY) ## build the book into _build/html, warnings are errors; runs no notebook: [EDITION=student]
ifeq ($(EDITION),)
	$(TIMED) book "$(VENV)/bin/jupyter-book" build -W -n --keep-going . || { rm -rf _build/.doctrees; exit 1; }
	@echo "Open $(CURDIR)/_build/html/index.html"
else
	@"$(PYTHON_OF_VENV)" -m tools.edition "$(EDITION)" "_build/$(EDITION)"
	$(TIMED) book env PYTHONPATH="$(CURDIR)/_build/$(EDITION)" "$(VENV)/bin/jupyter-book" build -W -n --keep-going "_build/$(EDITION)"
	@"$(PYTHON_OF_VENV)" -m tools.edition --check "$(EDITION)" "_build/$(EDITION)"
	@echo "Open $(CURDIR)/_build/$(EDITION)/_build/html/index.html"
endif

student: $(READY) ## write the tree for a branch without solutions into _build/student
	$(TIMED) student "$(PYTHON_OF_VENV)" -m tools.edition student _build/student

zip: $(READY) ## pack the built book into one file that needs no network: [EDITION=student]
	$(TIMED) zip "$(PYTHON_OF_VENV)" -m tools.archive "_build/$(if $(EDITION),$(EDITION)/_build/)html" \
		"_build/variational-autoencoders$(if $(EDITION),-$(EDITION)).zip"

portable: $(READY) ## write each chapter as one notebook that carries the package, for Colab by upload: [EDITION=student]
	$(TIMED) portable "$(PYTHON_OF_VENV)" -m tools.portable $(if $(EDITION),--edition "$(EDITION)")

# What is left of test_*.py without its `slow` tests; files named book_*.py and browser_*.py and the notebooks stay out.
quick: $(READY) ## the tests not marked slow, without notebooks, browser and built book, for whoever changes a line
	$(TIMED) quick env -u DATASET "$(PYTHON_OF_VENV)" -m pytest -q -n $(WORKERS) --dist loadfile -p tests.longest_first \
		-o python_files="test_*.py" -m "not slow and not browser" tests $(PYTEST_ARGS)

test: $(READY) ## unit tests, every notebook against its stored output, the book's checks: [CHAPTER=04_objectives] [RECORD_TIMES=1]
	$(TIMED) $(if $(CHAPTER),test-$(CHAPTER),test) env -u DATASET "$(PYTHON_OF_VENV)" -m pytest -n $(WORKERS) --dist loadfile \
		--durations 15 --nbval --nbval-current-env -p tests.chapters.notebook_guard $(if $(RECORD_TIMES),--record-times) \
		$(if $(CHAPTER),-p tests.one_chapter --chapter "$(CHAPTER)") tests chapters \
		book/bring_your_own_model.ipynb $(PYTEST_ARGS)

colab: $(READY) ## run the chapters from the wheel, with Colab's versions: [CHAPTER=04_objectives] [SECONDS_TO_BEGIN=900]
	$(TIMED) colab "$(PYTHON_OF_VENV)" -m tools.colab --workers $(WORKERS) $(if $(CHAPTER),--chapter "$(CHAPTER)") \
		$(if $(SECONDS_TO_BEGIN),--begin-within $(SECONDS_TO_BEGIN))

backends: $(READY) ## test every family on the other backends of Keras, in environments of their own: [BACKEND=jax]
	$(TIMED) backends "$(PYTHON_OF_VENV)" -m tools.backends $(if $(BACKEND),--backend "$(BACKEND)")

execute: $(READY) ## run the chapters in place, or on another set into _build/executed: [CHAPTER=04_objectives] [DATASET=mnist]
	$(TIMED) execute "$(PYTHON_OF_VENV)" -m tools.execute \
		$(if $(CHAPTER),--chapter "$(CHAPTER)") $(if $(DATASET),--dataset "$(DATASET)")

chapter: $(READY) ## make a new chapter that the tests accept, with exercises, named in the contents: NAME=17_mine [TITLE="My chapter"]
	$(TIMED) chapter "$(PYTHON_OF_VENV)" -m tools.new_chapter "$(NAME)" $(if $(TITLE),--title "$(TITLE)")

first-cells: $(READY) ## write the first cell of every chapter, after `repository` in _config.yml has changed
	$(TIMED) first-cells "$(PYTHON_OF_VENV)" -m tools.first_cell

set-repository: $(READY) ## say where the book is published, and check what follows from it: URL=https://github.com/OWNER/NAME
	$(TIMED) set-repository sh -c '"$$1" -m tools.set_repository "$$2" "$$3" && "$$1" -m pytest -q \
		tests/project/test_colab_links.py tests/project/test_first_cell.py' set "$(PYTHON_OF_VENV)" "$(URL)" "$(or $(BRANCH),main)"

errata: $(READY) ## measure what is wrong in the sources and in well-known code into results/errata.json: [ROW=images_grouped_as_draws]
	$(TIMED) errata "$(PYTHON_OF_VENV)" -m tools.errata $(if $(ROW),--row $(ROW))

patients: $(READY) ## examine sick and healthy models with companion.diagnosis into results/patients.json: [PATIENT="NaN; bytes"]
	$(TIMED) patients "$(PYTHON_OF_VENV)" -m tests.patients.record $(if $(PATIENT),--only "$(PATIENT)")

own-data: $(READY) ## rehearse every chapter on seven sets as readers bring them: unlabelled, in colour, tiny, ...
	$(TIMED) own-data env OWN_DATA=all "$(PYTHON_OF_VENV)" -m pytest -q -n $(WORKERS) tests/own_data $(PYTEST_ARGS)

instructors: $(READY) ## publish, drop, exchange and add a chapter in a copy: make quick after each, then every edition
	$(TIMED) instructors env INSTRUCTORS=all "$(PYTHON_OF_VENV)" -m pytest -q -x tests/book/book_step_by_step.py $(PYTEST_ARGS)

experiments: $(READY) ## check recorded experiments and their claims, or run what is missing of one: [EXPERIMENT=ladder-merges] [ARGS="--jobs 2"]
	$(TIMED) experiments "$(PYTHON_OF_VENV)" -m companion experiment $(if $(EXPERIMENT),$(EXPERIMENT) $(ARGS),--check)

explorers: $(READY) ## train the explorers' models anew into results/explorers: [EXPLORER=latent_plane]
	$(TIMED) explorers "$(PYTHON_OF_VENV)" -m companion.explorers $(EXPLORER)

# The Makefile's own settings are for tests; contestants run as users run them.
bench: $(READY) ## measure speed and memory beside Keras, PyTorch and pythae into results/benchmarks.json: [BENCH="--only IWAE"]
	$(TIMED) bench "$(PYTHON_OF_VENV)" -m benchmarks $(BENCH)

wheel: $(READY) ## build the package as one file into dist/, for Colab and other machines
	$(TIMED) wheel "$(PYTHON_OF_VENV)" -m hatchling build --target wheel

serve: $(READY) ## show _build/html in the browser until stopped: [PORT=8000]
	@test -f _build/html/index.html || { echo "There is no book yet; call: make book"; exit 1; }
	@"$(PYTHON_OF_VENV)" -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lint: $(READY) ## ruff on code and notebooks, mypy on the package
	$(TIMED) lint sh -c '"$$1" -m ruff check . && "$$1" -m ruff format --check . && "$$1" -m mypy' lint "$(PYTHON_OF_VENV)"

mutants: $(READY) ## break the package on purpose, count what the tests notice: [MUTANTS="--sample 40"]
	$(TIMED) mutants "$(PYTHON_OF_VENV)" -m tools.mutants $(MUTANTS)

# Versions that are in the lock stay; `make lock UPGRADE=1` takes the newest that fit.
lock: ## write requirements.txt from pyproject.toml: [UPGRADE=1]
	$(TIMED) lock $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		--extra cpu --extra applications --extra export --extra serve --group dev --no-header --no-annotate $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements.txt

clean: ## remove the built book and all caches
	@if [ -d _build ]; then find _build -mindepth 1 -maxdepth 1 ! -name .seconds -exec rm -rf {} +; fi
	@find . -name .git -prune -o -path ./.venv -prune -o -type d \
		\( -name __pycache__ -o -name .ipynb_checkpoints -o -name '*.egg-info' \) -prune -exec rm -rf {} +
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

distclean: clean ## remove .venv too
	@rm -rf .venv _build

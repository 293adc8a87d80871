# make demo          set-up, synthetic data, training and test accuracy, in minutes on two cores
# make try           a page on which the demo's model is tried, or another: make try LOGDIR=DIR
# make test          set-up, lint, types and the test suite
# make slow-tests    documented commands, the notebook, the site, pages in a browser, jobs of several processes
# make trials        the tests that take half a minute (kills, lost processes, full disks), or repeat a proof
# make format        rewrite the code as the linter wants it
# make docs          the reference of parameters, and the documentation as a site, site/index.html
# All take PYTHON=python3.12 for another interpreter and GPU=1 for TensorFlow with CUDA.

PYTHON ?= python3
GPU ?= 0
BUILD := $(if $(filter 1,$(GPU)),gpu,cpu)
LOGDIR = result/demo
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))$(if $(filter gpu,$(BUILD)),-gpu)
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --no-compile --disable-pip-version-check

.PHONY: demo try logdir test suite slow-tests trials web lint format docs tutorial setup
.DELETE_ON_ERROR:

setup: $(VENV)/ready-$(BUILD)

# Python, the package with TensorFlow, and Horovod where it can be built; done once, and again when pyproject.toml changes
$(VENV)/ready-$(BUILD): pyproject.toml scripts/install_horovod.sh
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.10 to 3.13 is needed, $(PYTHON) is not; try make PYTHON=python3.12" >&2; exit 2; }
	@echo "Setting up $(VENV) (once; three to six minutes on two cores) ..."
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[$(BUILD)]'
	@# all at once here: pip compiles one file after another, and where bytecode is never written TensorFlow starts slowly
	@$(RUN) -m compileall -q -j 0 $(VENV)/lib >/dev/null || true
	@# librosa compiles itself when it is first used, which would keep the first report waiting
	@$(RUN) -c "from librosa import feature; feature.melspectrogram" || true
	HOROVOD_GPU_OPERATIONS=$(if $(filter gpu,$(BUILD)),NCCL) scripts/install_horovod.sh $(RUN) || test $$? -eq 3
	@touch $@

$(VENV)/ready-test: $(VENV)/ready-$(BUILD)
	$(INSTALL) --editable '.[test]'
	@touch $@

# the ten keywords, and eight words to stand for all others
DEMO_WORDS := yes,no,up,down,left,right,on,off,stop,go,bed,cat,five,happy,seven,tree,wow,zero

data/synthetic: | $(VENV)/ready-$(BUILD)
	$(RUN) scripts/make_synthetic_speech_commands.py --output_dir=$@ --words=$(DEMO_WORDS) --clips_per_word=360

data/demo/v1-12-labels.txt: | data/synthetic
	$(RUN) scripts/speech_commands_preprocessing.py --data_dir=data/synthetic --dataset_version=v1-12 --output_dir=data/demo

demo: $(VENV)/ready-$(BUILD) data/demo/v1-12-labels.txt
	@rm -rf result/demo
	$(RUN) run.py --config_file=example_configs/speech_commands/demo.py --mode=train_eval
	@echo "The voices of the test clips are none of those trained on. Curves: $(VENV)/bin/tensorboard --logdir=result/demo"

$(VENV)/ready-page: $(VENV)/ready-$(BUILD)
	$(INSTALL) --editable '.[demo]'
	@touch $@

logdir:
	@test -e "$(LOGDIR)" || \
	  { echo "$(LOGDIR): no such run; make demo trains result/demo, make try LOGDIR=DIR takes another" >&2; exit 2; }

try: logdir $(VENV)/ready-page
	$(RUN) run.py --mode=try --logdir="$(LOGDIR)"

# a worker that crashes fails the tests: with loadfile they would wait for its successor for ever
PYTEST := $(RUN) -m pytest --dist loadfile --max-worker-restart=0

# the workers import the tests, and many processes the package: each would compile all of it
test slow-tests: export PYTHONDONTWRITEBYTECODE :=
# as commands do for themselves
test slow-tests: export OPENBLAS_NUM_THREADS = 1
test: $(VENV)/ready-test web
	@# at once: the tests wait for processes and browsers now and then
	$(MAKE) --no-print-directory -j 2 lint suite

suite: $(VENV)/ready-test
	@# three for two cores, for the same reason
	$(PYTEST) -n 3 -m "not long and not slow"

slow-tests: $(VENV)/ready-test web
	$(PYTEST) -n 2 -m "slow and not long"

trials: $(VENV)/ready-test
	$(RUN) -m pytest -m long

# npm's package that exported pages run on, for their tests; where it cannot be had they are skipped
WEB_RUNTIME := $(shell sed -n 's/^PACKAGE, VERSION = "\(.*\)", "\(.*\)"/\1@\2/p' open_seq2seq/exporting/web_runtime.py)
NPM_INSTALL := npm install --silent --no-save --no-package-lock --no-audit --no-fund --ignore-scripts

web: | $(VENV)/ready-test
	@test -e $(VENV)/$(WEB_RUNTIME) || \
	  { mkdir -p $(VENV)/web && $(NPM_INSTALL) --prefix $(VENV)/web $(WEB_RUNTIME) && touch $(VENV)/$(WEB_RUNTIME); } || \
	  echo "$(WEB_RUNTIME) cannot be fetched through npm; tests of exported pages are skipped"

lint: $(VENV)/ready-test
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo

format: $(VENV)/ready-test
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

# the reference is made from the parameter classes; a test compares the two
docs: $(VENV)/ready-docs
	$(RUN) -m open_seq2seq.config.reference docs/config_reference.md
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet
	@echo "site/index.html; with the search: $(RUN) -m http.server --bind 127.0.0.1 -d site"

$(VENV)/ready-docs: $(VENV)/ready-$(BUILD)
	$(INSTALL) --editable '.[docs]'
	@touch $@

# docs/tutorial.ipynb with what comes out of it, in minutes
tutorial: $(VENV)/ready-test
	$(RUN) -m tests.support.notebooks

# make study      the main job: the guide's models and the best trained, decoded and scored side by side
# make test       every check, about twelve minutes on two cores
# make test-long  what takes longer: other Pythons, lowest dependencies, nbdev 3, many kills
# make lab        JupyterLab at the tour
# make docs       the study as a website in _docs (needs Quarto, and says how to get it)
# make model      the model that rides in the package, made again (needs SLR_DATA, the folder of the corpora)
# make results    what data/results holds, and how long each part takes; PART=bench records one again, PART=all every one
PYTHON ?= python3
QUARTO := $(shell sed -n 's/^quarto-required: ">=\(.*\)"/\1/p' _quarto.yml)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# uv reads its own settings: let it look where pip is told to look
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export UV_HTTP_TIMEOUT ?= 600
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
DEV := -c constraints.txt --config-settings editable_mode=compat -e '.[dev]' # compat: importable from any folder, the one above this too

.PHONY: study test test-long lab docs results model notebooks clean

study: .venv/.installed
	slr_study

# refresh.py runs what nbdev_test runs, and looks at the outputs too
test: .venv/.installed
	@echo '1 of 2: every notebook, as nbdev_test runs it, and are the stored outputs true? about 5 min'
	python tests/refresh.py --check --timing
	@echo '2 of 2: package and notebooks agree; commands, faults, kills; the wheel installed: about 7 min'
	OMP_NUM_THREADS=1 python -m pytest tests -q -n 2 --dist loadfile --no-loadscope-reorder --durations=10

test-long: .venv/.installed
	@echo 'other Pythons, newest and lowest versions, nbdev 3, twenty kills; a Python that is not here is skipped: about 15 min'
	OMP_NUM_THREADS=1 python -m pytest tests -q -n 2 --dist worksteal -rs -m long --durations=10

lab: .venv/.installed
	jupyter lab nbs/00_tour.ipynb

# what can be seen without Quarto is checked first
docs: .venv/.installed
	python -m pytest tests/test_site.py -q
	@command -v quarto >/dev/null || { echo 'make docs: the pages are sound, but Quarto is not installed: get $(QUARTO) or newer,' \
	  "with .venv/bin/pip install 'quarto-cli>=$(QUARTO)' or from https://quarto.org/docs/download"; exit 1; }
	quarto render
	python tests/pages.py

results: .venv/.installed
	slr_study results $(PART)

MODEL ?= slr_nbdev/models/asl_words_hands.onnx
model: .venv/.installed
	@test -n "$(SLR_DATA)" || { echo 'make model: set SLR_DATA, the folder with asl_words_mp.npz'; exit 1; }
	rm -rf runs/own-model
	OMP_NUM_THREADS=1 slr_train --corpus asl_words --root "$(SLR_DATA)/asl_words_mp.npz" --config small_asl_words_hands.yaml --seed 1 --name own-model
	slr_tune runs/own-model/best.safetensors --root "$(SLR_DATA)/asl_words_mp.npz" --order 0
	slr_export runs/own-model/best.safetensors --weights int8 --out $(MODEL) --corpus asl_words --root "$(SLR_DATA)/asl_words_mp.npz"

# after editing notebooks: export the package, store true outputs, write the README
notebooks: .venv/.installed
	nbdev_export
	python tests/refresh.py
	python tests/readme.py

.venv/.installed: pyproject.toml constraints.txt
	@echo 'installing into .venv: PyTorch and some 140 other packages, 2 GB; a minute or more, once'
	$(PYTHON) -m venv .venv
	pip install -q --disable-pip-version-check -c constraints.txt uv
	uv pip install --python .venv $(DEV) || pip install --disable-pip-version-check $(DEV)
	touch $@

clean:
	rm -rf .venv build dist *.egg-info _docs

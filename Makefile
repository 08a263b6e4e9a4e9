# make study   the main job: both models trained, decoded and scored side by side
# make test    every check
# make lab     JupyterLab at the walkthrough
# make docs    the study as a website (needs quarto: https://quarto.org)
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study test lab docs notebooks clean

study: .venv/.installed
	slr_study

test: .venv/.installed
	OMP_NUM_THREADS=1 nbdev_test --n_workers 2 --timing
	python tests/refresh.py --check
	python -m pytest tests -q

lab: .venv/.installed
	jupyter lab nbs/index.ipynb

docs: .venv/.installed
	@command -v quarto >/dev/null || { echo 'make docs: quarto is not installed; see https://quarto.org/docs/get-started'; exit 1; }
	quarto render

# after editing notebooks: export the package, store true outputs, write the README
notebooks: .venv/.installed
	nbdev_export
	python tests/refresh.py
	python tests/readme.py

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	pip install -q --disable-pip-version-check -c constraints.txt --config-settings editable_mode=compat -e '.[dev]' # importable from any folder, the one above this too
	touch $@

clean:
	rm -rf .venv build dist *.egg-info _docs

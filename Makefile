# `make demo` and `make test` work on a fresh clone with Python 3.11 to 3.14 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= all
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# An environment that is shared with another clone has that one's package installed.
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))
# Unlocks only where no live process holds the lock, and finishes what a killed run left.
SNAKEMAKE := python workflow/scripts/unlock.py && snakemake --cores $(CORES) --rerun-incomplete

.PHONY: demo all_folds report test test-wheel test-cluster docs-check lint parity benchmarks

demo: .venv/.installed standins
	$(SNAKEMAKE) -- all_folds
	@echo
	@cat results/metrics.md
	@echo
	@echo "All folds are done, on the databases of workflow/config.yaml or, where it names none, on the stand-ins:"
	@echo "  results/metrics.md           F1 per Action Unit (long form: results/metrics.csv)"
	@echo "  results/heatmap.png          F1 by Action Unit and database"
	@echo "  results/reliability.png      how often an Action Unit is present at each predicted probability"
	@echo "  results/*/*/seed0/           predictions, weights and training log of each fold"
	@echo "  cache/*/faces.png            the aligned onset crops of each database"

standins: | .venv/.installed
	infusenet standins standins

all_folds report: .venv/.installed
	$(SNAKEMAKE) -- $@

test: .venv/.installed
	pytest -n 2 --durations 10
	@echo "The tests passed. \`make lint\` checks style, \`make demo\` runs everything on stand-ins."

# The commands of an installed wheel, in a folder far from the checkout.
test-wheel: .venv/.installed
	tests/wheel.sh

# All folds of the demo on a SLURM of this one machine; as root, installs Debian's packages if need be.
test-cluster: .venv/.installed standins
	pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[standins,video,onnx,test,slurm]"
	tests/cluster/slurm.sh pytest tests/cluster

# Every block of README.md and docs/, as written, on a fresh clone: half an hour, or two minutes after `make demo` with
# make docs-check DEMO=.
docs-check: .venv/.installed
	python tests/doc_blocks.py $(if $(DEMO),--demo $(DEMO))

lint: .venv/.installed
	ruff check .
	ruff format --check .
	snakemake --lint

# make parity WEIGHTS=FILE: a released magnifier checkpoint against the figures measured for it.
parity: .venv/.installed
	python benchmarks/parity.py $(WEIGHTS)

.venv/.installed: pyproject.toml constraints.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[standins,video,onnx,test]"
	touch $@

#!/usr/bin/env bash
# wheel.sh: build a wheel of this checkout, install it into a new environment and run the commands on
# stand-ins from a folder that has nothing of the checkout but a copy of its configuration. It shares the
# libraries of the environment that make installs.
set -euo pipefail
unset PYTHONPATH
checkout=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# setuptools leaves build/ and *.egg-info where it builds.
mkdir source
cp -r "$checkout"/{infusenet,pyproject.toml,README.md,LICENSE} source
python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir . ./source
rm -r source
python -m venv --without-pip venv
# Paths there have their packages imported, but not their own .pth files, among them that of the checkout.
python -c 'import sys; print(*(path for path in sys.path if path.endswith("-packages")), sep="\n")' \
    > "$(venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/libraries.pth"
python -m pip --python venv/bin/python install --quiet --disable-pip-version-check --no-deps --ignore-installed \
    infusenet-*.whl
export PATH="$folder/venv/bin:$PATH"
python -c 'import infusenet, sys; sys.exit(0 if infusenet.__file__.startswith(sys.prefix) else infusenet.__file__)'

infusenet standins standins
cp "$checkout/workflow/config.yaml" settings.yaml
mkdir manifests
stages() {  # DATABASE WORKBOOK FRAMES; of its first eight clips
    infusenet read "$1" --annotations "standins/$1/$2" --frames "standins/$1/$3" --output all.csv
    head -n 9 all.csv > "manifests/$1.csv"
    infusenet faces "manifests/$1.csv" --frames "standins/$1/$3" --processes 2 --output "cache/$1/faces.h5"
    infusenet flow "cache/$1/faces.h5" --processes 2 --output "cache/$1/flow.h5"
    infusenet latents "cache/$1/faces.h5" --size 64 --output "cache/$1/latents.h5"
}
stages casme CASME.xls CASME_raw_selected
stages mmew MMEW_Micro_Exp.xlsx Micro_Expression
for database in casme mmew; do
    run=results/infusenet_resnet18/$database/seed0
    infusenet train infusenet_resnet18 --held-out $database --stores cache --manifests manifests \
        --config settings.yaml --output $run
    infusenet predict $run --stores cache --manifests manifests --standins
done
infusenet evaluate results/*/*/seed0 --output results
infusenet methods > methods.txt
infusenet summary manifests/*.csv
infusenet magnifier evaluate --weights \
    "$(python -c 'from infusenet.config.stage_recipes import SHIPPED_WEIGHTS as file; print(file)')"
cat results/metrics.md
grep --quiet "^infusenet_resnet18" methods.txt
test -n "$(ls results/magnifier)"
echo "The wheel works outside its checkout."

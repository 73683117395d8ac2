#!/usr/bin/env bash
# All that is measured on a GPU, in eight minutes, and the tests that need one:
#
#     bash benchmarks/gpu.sh [WHEELS] [arguments of python -m benchmarks]
#
# It needs this repository, a Python with torch (PYTHON, by default python3) and, for what that lacks, a folder of wheels,
# which are installed without their dependencies into a folder of their own. Results go where --results and --page say.
# The table is printed last; the exit code is not 0 where a row or a test fails. `--device cpu --size toy --quick` and
# `--device cpu --size small-sdxl --quick` prove it without a GPU.
set -uo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONPATH=$PWD HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1

if [ -d "${1:-}" ]; then
    "$python" -m pip install --quiet --no-deps --no-index --target "$work/site" "$1"/*.whl || exit 1
    export PYTHONPATH=$PWD:$work/site
    shift
fi

"$python" -m benchmarks --budget 330 "$@" >"$work/table"
rows=$?

mapfile -t files < <(grep -rlE "mark\.cuda\b" tests --include='test_*.py')
timeout 120 "$python" -m pytest -p no:cacheprovider -q -m cuda -rfE --tb=short "${files[@]}"
tests=$?

cat "$work/table"
[ "$rows" = 0 ] || echo "FAILED: rows, exit code $rows"
[ "$tests" = 0 ] || echo "FAILED: tests that need CUDA, exit code $tests (124: no time)"
[ "$rows" = 0 ] && [ "$tests" = 0 ]

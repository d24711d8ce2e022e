#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Formatting, lint, types, tests. Arguments go to pytest: ./scripts/test.sh test/geometry -k cloud
#
#   JOBS=N       the tests in N processes, each file in one of them (default: 1)
#   COVERAGE=1   measure which lines of the package are run, in all processes, and fail below the floor in
#                pyproject.toml; takes longer
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./scripts/setup.sh
. scripts/env.sh

ruff format --check .
ruff check .
mypy
jobs=()
if [ "${JOBS:-1}" != 1 ]; then
  jobs=(-n "$JOBS" --dist loadfile)
  # Threads of several processes wait for each other on the same cores.
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
fi
[ "${COVERAGE:-0}" = 1 ] || exec pytest ${jobs[@]+"${jobs[@]}"} "$@"
rm -rf log/coverage
mkdir -p log/coverage
coverage run "$(command -v pytest)" ${jobs[@]+"${jobs[@]}"} "$@"
coverage combine -q
coverage report

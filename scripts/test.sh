#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Formatting, lint, types, tests. Arguments go to pytest: ./scripts/test.sh test/geometry -k cloud
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./scripts/setup.sh
. scripts/env.sh

ruff format --check .
ruff check .
mypy
exec pytest "$@"

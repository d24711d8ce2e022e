#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# See it work: ./scripts/demo.sh [IMAGE, FOLDER or VIDEO...] [options of `joint_perception demo`]
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
./scripts/setup.sh
. scripts/env.sh

cd "$here"
exec joint_perception demo --out "$root/demo_output" "$@"

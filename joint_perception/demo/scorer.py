# SPDX-License-Identifier: Apache-2.0
"""Scores the node against the camera's truth, live: `python -m joint_perception.demo.scorer`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rclpy
import torch
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import Image

from joint_perception.demo import names
from joint_perception.demo.children import undisturbed
from joint_perception.demo.playback import array_of
from joint_perception.demo.scores import Scores
from joint_perception.demo.shot import DemoError
from joint_perception.demo.stamp_join import StampJoin
from joint_perception.domains import DOMAINS
from joint_perception.msg import ClassMap
from joint_perception.ros import qos
from joint_perception.ros.optional import nanoseconds
from joint_perception.ros.shutdown import shut_down

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTS = ("label", "depth", "true_label", "true_depth")
_PERIOD_S = 1.0


class Scorer(Node):
    """Joins the node's labels and depths with the truth of the same stamp, and says once a second how good they are."""

    def __init__(self) -> None:
        super().__init__("demo_scorer")
        self._join = StampJoin(_PARTS)
        self._scores: Scores | None = None
        self._early: list[tuple[dict[str, Any], float]] = []  # before both class maps are there
        self._classes: dict[str, ClassMap] = {}
        self._said = 0
        self._listen("label", names.LABEL_TOPIC)
        self._listen("depth", names.DEPTH_TOPIC)
        self.create_subscription(ClassMap, names.CLASSES_TOPIC, self._on_node_classes, qos.LATCHED)
        self.create_timer(_PERIOD_S, self._on_timer)

    def result(self) -> tuple[list[str], dict[str, Any]]:
        """The table and the JSON object of all that came."""
        scores = self._scores or Scores((), ())
        unpaired = self._join.left_over("true_label", at_the_end=True)
        return scores.table(unpaired), scores.to_json(unpaired)

    def _listen(self, part: str, topic: str) -> None:
        self.create_subscription(Image, topic, lambda message: self._on_image(part, message), QoSProfile(depth=50))

    def _on_node_classes(self, message: ClassMap) -> None:
        # The camera waits for who listens to its truth: by now the node is heard, and no frame will be missed.
        if "node" not in self._classes:
            self.create_subscription(ClassMap, names.TRUE_CLASSES_TOPIC, self._on_true_classes, qos.LATCHED)
            self._listen("true_label", names.TRUE_LABEL_TOPIC)
            self._listen("true_depth", names.TRUE_DEPTH_TOPIC)
        self._classes["node"] = message

    def _on_true_classes(self, message: ClassMap) -> None:
        self._classes["truth"] = message
        if self._scores is None:
            domain = DOMAINS.get(message.domain)
            cap = domain.depth_range[1] if domain is not None else None
            true_names, own_names = ([c.name for c in self._classes[whose].classes] for whose in ("truth", "node"))
            self._scores = Scores(true_names, own_names, cap)
            for found, latency in self._early:
                self._add(found, latency)
            self._early.clear()

    def _on_image(self, part: str, message: Image) -> None:
        stamp, now = nanoseconds(message.header.stamp), time.time_ns()
        found = self._join.add(part, stamp, (array_of(message), now))
        if found is not None:
            received = max(found[which][1] for which in ("label", "depth"))
            self._add(found, (received - stamp) * 1e-9)

    def _add(self, found: dict[str, Any], latency: float) -> None:
        if self._scores is None:
            self._early.append((found, latency))
            return
        labels, depth, true_labels, true_depth = (found[part][0] for part in _PARTS)
        self._scores.add(labels, depth, true_labels, true_depth, latency)

    def _on_timer(self) -> None:
        if self._scores is not None and self._scores.frames > self._said:
            self._said = self._scores.frames
            print(f"scorer: {self._scores.line(self._join.left_over('true_label'))}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Score until interrupted; then print a table, and write the file if one is asked for.

    Returns:
        Exit status: 0 after an interrupt, 1 after an error (printed on stderr).
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="demo_scorer", description="Score the node against the demo camera's truth.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there in the end")
    options = parser.parse_args(remove_ros_args(["", *arguments])[1:])
    torch.set_num_threads(1)  # the node has better use for the others
    status, scorer = 0, None
    rclpy.init(args=list(arguments))
    try:
        scorer = Scorer()
        rclpy.spin(scorer)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (DemoError, ValueError) as error:
        print(f"error: the scorer stops: {error}", file=sys.stderr)
        status = 1
    except RuntimeError:
        if rclpy.ok():
            raise  # else the interrupt came while ROS was starting
    finally:
        shut_down()
    if scorer is not None:
        with undisturbed():
            table, scores = scorer.result()
            print("\n".join(["scorer: in the end", *table]), flush=True)
            if options.json:
                options.json.write_text(json.dumps(scores, indent=2) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

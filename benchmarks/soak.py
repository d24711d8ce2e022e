# SPDX-License-Identifier: Apache-2.0
"""Camera -> node -> subscribers for as long as asked, with faults sprinkled in: `benchmarks/soak.py --minutes 60`.

Samples what the node's process holds, and how late its outputs come. Ends with 1 when something grows, when a fault is
not survived, or when the node dies. Leaves soak.json and soak.png. Ctrl-C ends it early, with what there is by then.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "support"), str(ROOT / "benchmarks")]

import faulty_node  # noqa: E402
import ros_graph  # noqa: E402
from process_sampler import sample  # noqa: E402
from soak_faults import FAULTS, Rig  # noqa: E402
from soak_report import plot, verdicts  # noqa: E402

_RECOVERY_S = 120.0  # generous: the soak shares its machine
_SAMPLE_S = 5.0


class Soak:
    """One run.

    Args:
        options: The command line's.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        options.out.mkdir(parents=True, exist_ok=True)
        release = options.out / "release"
        release.touch()
        os.environ[faulty_node.RELEASE] = str(release.resolve())
        ros_graph.use_own_domain()
        parameters = {
            "weights": options.weights,
            "image_topic": ros_graph.IMAGE_TOPIC,
            "device": options.device,
            "watchdog.timeout": 8.0,
            "watchdog.max_stuck": 5,
        }
        executable = ROOT / "test" / "support" / "faulty_node.py"
        self._node = ros_graph.NodeProcess(parameters, options.out / "node.log", executable=executable)
        self._graph = ros_graph.Graph()
        self._graph.subscribe("label", "depth", "points", "stats")
        self._rig = Rig(self._graph, options.width, options.height, release)
        self._samples: dict[str, list[float]] = {}
        self._faults: list[dict[str, Any]] = []
        self._frames: Counter[str] = Counter()
        self._stats: Any = None
        self._begin = self._sampled = time.monotonic()
        self._latencies: list[float] = []
        self._counted = (0, 0)

    def run(self) -> dict[str, Any]:
        """Soak; the report."""
        options, failure = self._options, ""
        self._graph.wait_for_camera_match(self._node)
        self._begin = self._sampled = time.monotonic()
        end = self._begin + 60 * options.minutes
        next_fault, names = self._begin + options.fault_period, list(FAULTS)
        bar = tqdm(total=round(60 * options.minutes), unit="s", desc="soak", disable=options.quiet)
        try:
            while time.monotonic() < end:
                self._stream(1.0)
                bar.update(round(time.monotonic() - self._begin) - bar.n)
                if options.fault_period and time.monotonic() >= next_fault:
                    self._inject(names[len(self._faults) % len(names)])
                    next_fault = time.monotonic() + options.fault_period
                if len(self._samples.get("time_s", ())) % 12 == 1:  # about once a minute
                    _save(self._report("not finished"), options.out)
        except KeyboardInterrupt:
            failure = ""
        except (AssertionError, OSError) as error:
            failure = str(error)
        bar.close()
        return self._report(failure)

    def close(self) -> None:
        """End the node."""
        self._graph.close()
        self._node.interrupt()

    def _stream(self, seconds: float) -> None:
        period, begin = 1.0 / self._options.rate, time.monotonic()
        for i in range(max(1, round(seconds / period))):
            self._rig.send(*self._rig.frame())
            self._graph.spin(max(0.0, begin + (i + 1) * period - time.monotonic()))
            self._take()

    def _take(self) -> None:
        received, arrival = self._graph.received, self._graph.arrival
        for message, came in zip(received["label"], arrival["label"], strict=True):
            latency = came - message.header.stamp.sec - message.header.stamp.nanosec * 1e-9
            if latency < 600:  # noqa: PLR2004 (else its stamp was one of the faults)
                self._latencies.append(latency)
        for stats in received["stats"]:
            if self._stats is not None and stats.frames_in < self._stats.frames_in:  # activated anew
                self._frames += _counts(self._stats)
                self._counted = (0, 0)
            self._stats = stats
        for messages in (*received.values(), *arrival.values()):
            messages.clear()
        if time.monotonic() - self._sampled >= _SAMPLE_S:
            self._sample()

    def _sample(self) -> None:
        now = time.monotonic()
        if self._node.process.poll() is not None:
            raise AssertionError(f"the node ended with {self._node.process.returncode}; see node.log")
        row = {"time_s": now - self._begin, **sample(self._node.process.pid)}
        for q in (50, 90, 99):
            row[f"latency_p{q}_ms"] = 1e3 * float(np.percentile(self._latencies, q)) if self._latencies else np.nan
        counted = (self._stats.frames_in, self._stats.frames_out) if self._stats is not None else (0, 0)
        for name, after, before in zip(("rate_in", "rate_out"), counted, self._counted, strict=True):
            row[name] = max(0, after - before) / (now - self._sampled)
        self._counted, self._sampled = counted, now
        self._latencies.clear()
        for name, value in row.items():
            self._samples.setdefault(name, []).append(round(value, 3))

    def _inject(self, name: str) -> None:
        began = time.monotonic()
        FAULTS[name](self._rig)
        injected = time.monotonic()
        self._take()
        good = ros_graph.now().sec

        def came() -> bool:
            self._rig.send(*self._rig.frame())
            self._graph.spin(0.2)
            return any(good <= message.header.stamp.sec for message in self._graph.received["label"])

        self._graph.wait(came, f"a frame after the fault {name!r}", _RECOVERY_S, self._node)
        self._faults.append(
            {
                "name": name,
                "time_s": round(began - self._begin, 1),
                "recovered_after_s": round(time.monotonic() - injected, 2),
            }
        )
        self._take()

    def _report(self, failure: str) -> dict[str, Any]:
        options = self._options
        frames = self._frames.copy()
        if self._stats is not None:
            frames += _counts(self._stats)
        times = self._samples.get("time_s", [0.0])
        rounds = [fault["time_s"] for fault in self._faults[:: len(FAULTS)]]
        once = rounds[1] if len(rounds) > 1 else 0.0
        # Every fault once: what it needs for the first time, it gets then.
        warm_up = min(max(0.1 * times[-1], once), 0.5 * times[-1])
        found = verdicts(self._samples, warm_up, rounds) if self._samples else {}
        grown = [name for name, verdict in found.items() if verdict["grows"]]
        if not failure and grown:
            failure = f"grows: {', '.join(grown)}"
        return {
            "settings": {key: getattr(options, key) for key in ("width", "height", "rate", "weights", "device")},
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
            "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
            "minutes": round(times[-1] / 60, 1),
            "warm_up_s": round(warm_up, 1),
            "verdicts": found,
            "frames": dict(frames),
            "faults_survived": dict(Counter(fault["name"] for fault in self._faults)),
            "failure": failure,
            "faults": self._faults,
            "samples": self._samples,
        }


def _counts(stats: Any) -> Counter[str]:
    dropped = zip(stats.drop_causes, stats.drop_counts, strict=True)
    return Counter({"in": stats.frames_in, "out": stats.frames_out, **{f"dropped: {c}": n for c, n in dropped}})


def _save(report: dict[str, Any], folder: Path) -> None:
    (folder / "soak.json").write_text(json.dumps(report, indent=1) + "\n")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Run the node for long, with faults, and see whether anything grows.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--rate", type=float, default=10.0, help="images a second")
    parser.add_argument("--fault-period", type=float, default=20.0, help="seconds between faults; 0: none")
    parser.add_argument("--weights", default="demo")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("soak_output"))
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    soak = Soak(options)
    try:
        report = soak.run()
    finally:
        soak.close()
    _save(report, options.out)
    for name, verdict in report["verdicts"].items():
        print(f"{name:14} median {verdict['median']}, growth {verdict['growth']:+} of {verdict['tolerance']} allowed")
    print(f"frames: {report['frames']}\nfaults survived: {sum(report['faults_survived'].values())}")
    if report["samples"]:
        plot(options.out / "soak.png", report)
    if report["failure"]:
        print(f"FAILED: {report['failure']}", file=sys.stderr)
        return 1
    print(f"passed after {report['minutes']} minutes; see {options.out}/soak.json and soak.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())

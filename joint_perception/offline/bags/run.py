# SPDX-License-Identifier: Apache-2.0
"""A recording from end to end on this machine: plan, chunks, one bag; continued where an earlier run was ended."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from joint_perception.offline.bags.errors import BagError
from joint_perception.offline.bags.joining import convert, join
from joint_perception.offline.bags.parts import PartReport, Parts
from joint_perception.offline.bags.plan import Plan, make_plan
from joint_perception.offline.bags.worker import ChunkWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from joint_perception.engine import Engine
    from joint_perception.offline.bags.job import Job
    from joint_perception.offline.bags.plan import Chunk

    # What does the chunks: gets the plan, the parts, those to do, and what to call with numbers of frames.
    Runner = Callable[[Plan, Parts, Sequence[Chunk], Callable[[int], object]], Iterator[PartReport]]

STORAGES = ("mcap", "sqlite3")
_PLAN = "plan.json"
_FORMAT = 1  # of plan.json; another one is not continued


@dataclass(frozen=True)
class Outcome:
    """What a run was.

    Attributes:
        plan: Its plan.
        reports: On each chunk, in order.
        seconds: Of this run alone.
        frames: Frames that this run did; fewer than all where it continued an earlier one.
        size: Bytes of the new bag.
    """

    plan: Plan
    reports: tuple[PartReport, ...]
    seconds: float
    frames: int
    size: int


def work_folder(out: Path) -> Path:
    """Where a run keeps what it has until the bag `out` is complete."""
    return out.with_name(f"{out.name}.partial")


def process(
    path: Path,
    job: Job,
    out: Path,
    runner: Runner,
    *,
    storage: str = "mcap",
    restart: bool = False,
    progress: bool = True,
) -> Outcome:
    """Process a recording; a run that was ended before goes on where it was.

    Args:
        path: The recording.
        job: What is to be made of it.
        out: The new bag; must not exist.
        runner: Does the chunks, in any order.
        storage: `mcap` or `sqlite3`.
        restart: Throw away what an earlier run left.
        progress: Show progress bars.

    Raises:
        BagError: The recording cannot be read, `out` exists, or an earlier run was another one.
    """
    if out.exists():
        raise BagError(f"--out {str(out)!r} exists; name another, or delete it")
    folder = work_folder(out)
    if restart and folder.exists():
        shutil.rmtree(folder)
    begin = time.monotonic()
    plan = _plan(path, job, folder, progress=progress)
    parts = Parts(folder / "parts")
    done = parts.done()
    missing = [chunk for chunk in plan.chunks if chunk.number not in done]
    frames = sum(len(chunk.frames) for chunk in missing)
    with tqdm(
        total=plan.frames, initial=plan.frames - frames, unit="frame", disable=not progress, smoothing=0.05
    ) as bar:
        if missing:
            for _ in runner(plan, parts, missing, bar.update):
                pass
    reports = tuple(parts.report(chunk.number) for chunk in plan.chunks)
    joined = folder / f"{out.name}.tmp"
    shutil.rmtree(joined, ignore_errors=True)
    with tqdm(unit="B", unit_scale=True, desc="joining", disable=not progress, leave=False) as bar:
        join([parts.path(chunk.number) for chunk in plan.chunks], joined, bar.update)
    if storage == "sqlite3":
        converted = folder / out.name
        shutil.rmtree(converted, ignore_errors=True)
        convert(joined, converted)
        joined = converted
    joined.rename(out)
    shutil.rmtree(folder)
    size = sum(file.stat().st_size for file in out.iterdir())
    return Outcome(plan, reports, time.monotonic() - begin, frames, size)


def local_runner(load: Callable[[], Engine], *, compress: bool = True) -> Runner:
    """Does the chunks in this process, one after the other.

    Args:
        load: Makes the engine; not called where nothing is left to do.
        compress: Whether the bag is compressed.
    """

    def run(
        plan: Plan, parts: Parts, chunks: Iterable[Chunk], progress: Callable[[int], object]
    ) -> Iterator[PartReport]:
        with ChunkWorker(plan, load(), parts, compress=compress) as worker:
            yield from worker.run(chunks, progress)

    return run


def _plan(path: Path, job: Job, folder: Path, *, progress: bool) -> Plan:
    """The plan of an earlier run of the same job, else a new one."""
    identity = {"format": _FORMAT, "job": _plain(job.to_dict()), "recording": _identity(path)}
    file = folder / _PLAN
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["identity"] == identity:
            return Plan.from_dict(found["plan"])
        raise BagError(f"{str(folder)!r} is of another run ({_difference(found['identity'], identity)}); "
                       "finish that one with its own options, or begin anew with --restart")  # fmt: skip
    with tqdm(unit="B", unit_scale=True, desc="reading", disable=not progress, leave=False) as bar:
        plan = make_plan(path, job, bar.update)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({"identity": identity, "plan": plan.to_dict()}), encoding="utf-8")
    os.replace(temporary, file)  # noqa: PTH105
    return plan


def _identity(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BagError(f"recording {str(path)!r} does not exist; check the path")
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {str(file.resolve()): [file.stat().st_size, file.stat().st_mtime_ns] for file in files}


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    if old.get("recording") != new["recording"]:
        return "the recording is another one, or was changed"
    before, after = old.get("job", {}), new["job"]
    names = [name for name in after if before.get(name) != after[name]]
    if names == ["settings"]:
        one, other = before["settings"], after["settings"]
        names = [name for name in other if one.get(name) != other[name]]
        before, after = one, other
    return ", ".join(f"{name} {before.get(name)!r} was, {after.get(name)!r} is asked for" for name in names) or "format"

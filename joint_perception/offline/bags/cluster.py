# SPDX-License-Identifier: Apache-2.0
"""Chunks of recordings on many machines, by Ray: its actors hold the network, it schedules, retries and spills."""

from __future__ import annotations

import functools
import os
import queue
import shutil
import socket
import sys
import tempfile
import uuid
from collections import deque
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tqdm import tqdm

import joint_perception
from joint_perception.offline.bags.errors import BagError
from joint_perception.offline.bags.parts import PartReport, Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from joint_perception.offline.bags.plan import Chunk, Plan

# Workers that one chunk may take with it (out of memory, say) before the run gives up.
_RETRIES = 3
_POLL_S = 0.2
_ANSWER_S = 10.0
_BUSY_S = 60.0
_CLIENT_PORT = 10001  # of ray://host


class Cluster:
    """Workers on a Ray cluster; its `runner` does the chunks of any number of recordings, from any thread.

    A worker that dies is started again, by Ray, wherever there is room, and does its chunk anew; whether a chunk is
    done is told by its part, which is there whole or not at all.

    Args:
        address: `auto`: the cluster that this machine belongs to, else one of this machine alone; or that of a
            cluster's head, as `ray://head:10001`.
        settings: The node's parameters; they name the network.
        compress: Whether the new bags are compressed.
        workers: How many; None: one for each GPU, or where none is to be used for each group of as many cores as
            torch has threads here.

    Raises:
        BagError: Ray is not installed, there is no such cluster, or it has not the room.
    """

    def __init__(
        self, address: str, settings: dict[str, Any], *, compress: bool = True, workers: int | None = None
    ) -> None:
        self._ray = _ray()
        self._settings, self._compress, self._wanted = settings, compress, workers
        self._address = address
        self._actors: list[Any] = []
        self._free: queue.Queue[Any] = queue.Queue()

    def __enter__(self) -> Self:
        """Join the cluster and start the workers."""
        import torch  # noqa: PLC0415 (not for --help)

        self._connect()
        threads = torch.get_num_threads()
        resources = self._ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if self._settings["device"] != "cpu" else 0
        cores = int(resources.get("CPU", 0))
        room = gpus or sum(int(node["Resources"].get("CPU", 0)) // threads for node in self._ray.nodes())
        count = self._wanted or room
        if not 0 < count <= room:
            self._ray.shutdown()
            raise BagError(
                f"the cluster has {gpus} GPUs and {cores} cores, room for {room} workers of "
                f"{'a GPU' if gpus else f'{threads} cores'} each, and {count} are asked for; give --workers 1 to "
                f"{room}, or set OMP_NUM_THREADS to the cores of a worker"
            )
        kind = self._ray.remote(_Worker).options(
            num_cpus=0 if gpus else threads,
            num_gpus=1 if gpus else 0,
            max_restarts=-1,
            max_task_retries=_RETRIES,
        )
        self._actors = [kind.remote(self._settings, threads, compress=self._compress) for _ in range(count)]
        try:
            tasks = [actor.ready.remote() for actor in self._actors]
            if len(self._ray.wait(tasks, num_returns=count, timeout=_BUSY_S)[0]) < count:
                tqdm.write(f"--cluster: waiting for {count} workers to start; is the cluster busy?", file=sys.stderr)
            found = self._get(tasks, "a worker")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        if others := set(found) - {joint_perception.__version__}:
            self.__exit__(None, None, None)
            raise BagError(
                f"workers have joint_perception {', '.join(sorted(others))}, this machine has "
                f"{joint_perception.__version__}; install the same one everywhere"
            )
        for actor in self._actors:
            self._free.put(actor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers and leave the cluster."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors = []
        self._ray.shutdown()

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._actors)

    def processes(self) -> list[int]:
        """The workers' process ids, each on its machine."""
        found: list[int] = self._get([actor.process.remote() for actor in self._actors], "a worker")
        return found

    def runner(
        self, plan: Plan, parts: Parts, chunks: Sequence[Chunk], progress: Callable[[int], object]
    ) -> Iterator[PartReport]:
        """Do chunks of a recording; see `run.Runner`.

        Raises:
            BagError: A worker cannot read the recording, or a chunk takes its worker with it again and again.
        """
        # Workers have a working directory of their own.
        reference = self._ray.put(plan.to_dict() | {"path": str(Path(plan.path).absolute())})
        folder = str(parts.folder.absolute())
        marker = parts.folder / f".seen-{uuid.uuid4().hex}"
        marker.touch()
        waiting = deque(chunks)
        running: dict[Any, tuple[Any, Chunk]] = {}
        try:
            while waiting or running:
                while waiting and (actor := self._take(block=not running)) is not None:
                    chunk = waiting.popleft()
                    task = actor.do.remote(reference, folder, marker.name, chunk.number)
                    running[task] = actor, chunk
                ready, _ = self._ray.wait(list(running), timeout=_POLL_S if waiting else None)
                for task in ready:
                    actor, chunk = running.pop(task)
                    self._free.put(actor)
                    (files,) = self._get([task], f"chunk {chunk.number} of {plan.path}")
                    if files is not None:
                        _store(files, parts, chunk.number)
                    progress(len(chunk.frames))
                    yield parts.report(chunk.number)
        finally:
            for actor, _ in running.values():
                self._free.put(actor)
            marker.unlink(missing_ok=True)

    def _connect(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray tells its makers else; we tell nobody
        if self._address != "auto":
            _check_answer(self._address)  # Ray itself would try for minutes
        quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        try:
            try:
                self._ray.init(address=self._address, **quiet)
            except ConnectionError:
                if self._address != "auto":
                    raise
                self._ray.init(include_dashboard=False, **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise BagError(
                f"--cluster {self._address!r}: no Ray cluster answers there ({_first_line(error)}); start one with "
                "`ray start --head`, or use --cluster auto"
            ) from error

    def _take(self, *, block: bool) -> Any:
        try:
            return self._free.get(block)
        except queue.Empty:
            return None

    def _get(self, tasks: list[Any], what: str) -> list[Any]:
        errors = self._ray.exceptions
        try:
            found: list[Any] = self._ray.get(tasks)
        except errors.RayTaskError as error:
            raise BagError(f"{what}: {error.cause if error.cause is not None else _first_line(error)}") from error
        except errors.RayError as error:
            raise BagError(
                f"{what} ended its worker {_RETRIES + 1} times ({_first_line(error)}); look at the worker's memory, or "
                "do it without --cluster. What is done is kept: the same command goes on"
            ) from error
        return found


class _Worker:
    """Holds the network, on one machine of the cluster; Ray makes it an actor.

    Args:
        settings: The node's parameters.
        threads: Of torch: sums in another order would be other bits.
        compress: Whether parts are compressed.
    """

    def __init__(self, settings: dict[str, Any], threads: int, *, compress: bool) -> None:
        import torch  # noqa: PLC0415

        from joint_perception.offline import perception  # noqa: PLC0415

        torch.set_num_threads(threads)
        # Not here: what goes wrong in a constructor counts as a dead worker, and loses its name.
        self._engine = functools.cache(lambda: perception.load(settings))
        self._compress = compress

    def ready(self) -> str:
        """The package's version, once the network is loaded."""
        self._engine()
        return joint_perception.__version__

    def process(self) -> int:
        """Id of the process."""
        return os.getpid()

    def do(self, plan: dict[str, Any], folder: str, marker: str, number: int) -> dict[str, bytes] | None:
        """Do a chunk.

        Args:
            plan: Of `Plan.to_dict`.
            folder: The parts, on the machine that asks.
            marker: A file in there: whoever sees it writes into the folder.
            number: The chunk's.

        Returns:
            None where the part is in the folder, else the part's files.
        """
        from joint_perception.offline.bags.plan import Plan  # noqa: PLC0415
        from joint_perception.offline.bags.worker import ChunkWorker  # noqa: PLC0415

        given = Plan.from_dict(plan)
        shared = (Path(folder) / marker).exists()
        place = Path(folder) if shared else Path(tempfile.mkdtemp(prefix="joint_perception-"))
        try:
            parts = Parts(place)
            with ChunkWorker(given, self._engine(), parts, compress=self._compress) as worker:
                for _ in worker.run([given.chunks[number]]):
                    pass
            return None if shared else {file.name: file.read_bytes() for file in parts.path(number).iterdir()}
        finally:
            if not shared:
                shutil.rmtree(place, ignore_errors=True)


def _store(files: dict[str, bytes], parts: Parts, number: int) -> None:
    """Put a part that came from a machine without our files into the folder, whole or not at all."""
    draft = parts.folder / f"{number:06}.{os.getpid()}.tmp"
    draft.mkdir(exist_ok=True)
    for name, data in files.items():
        (draft / name).write_bytes(data)
    draft.rename(parts.path(number))


def _check_answer(address: str) -> None:
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or _CLIENT_PORT), _ANSWER_S).close()
    except (OSError, ValueError) as error:
        raise BagError(
            f"--cluster {address!r}: nothing answers there ({error}); start a cluster with `ray start --head` and give "
            "the address that it prints, or use --cluster auto"
        ) from error


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise BagError("--cluster needs Ray, which is not installed; `pip install ray` does it") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

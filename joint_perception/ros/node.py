# SPDX-License-Identifier: Apache-2.0
"""The perception node: a lifecycle node that is wiring and nothing else."""

from __future__ import annotations

import functools
import os
import time
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import SetBool, Trigger

from joint_perception.domains import DomainError
from joint_perception.engine import Engine, EngineError, Frame, load_engine
from joint_perception.geometry import Pinhole, make_cloud
from joint_perception.network import CheckpointError, WeightsError, resolve_weights
from joint_perception.network.weights import digests
from joint_perception.pipeline.errors import ParameterError
from joint_perception.ros.cameras import NewestOfEach, NewestSet
from joint_perception.ros.channel import Channel
from joint_perception.ros.diagnostics import Complaint, Diagnostics, Level, engine_status, worker_complaints
from joint_perception.ros.namesakes import Namesakes
from joint_perception.ros.parameters import Parameters
from joint_perception.ros.silence import Silence
from joint_perception.ros.transport import TransportCheck
from joint_perception.ros.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from joint_perception.ros.diagnostics import Status

NODE_NAME = "joint_perception"
_CONFIGURATION_ERRORS = (ParameterError, WeightsError, CheckpointError, DomainError, EngineError)
_WARM_UP_SIZE = (480, 640)
_WATCH_PERIOD_S = 0.25


class PerceptionNode(LifecycleNode):
    """Camera images in; label images, metric depth, coloured clouds out. See docs for its topics.

    configure loads the weights and warms the engine up, activate subscribes, deactivate stops the work,
    cleanup frees the device. A bad configuration fails its transition with a message that says what to do.

    Args:
        **options: As rclpy.node.Node takes them (`namespace`, `parameter_overrides`, `context`, ...).

    Attributes:
        exit_status: What the process should end with: 0, or 70 (EX_SOFTWARE) when the node gave up and shut its
            context down.
        threads_left: Whether threads are stuck that the end of the interpreter would wait for, or trip over.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(NODE_NAME, **options)
        self._settings = Parameters(self)
        for complaint in self._settings.unknown_overrides():
            self.get_logger().warning(complaint)
        self._engine: Engine | None = None
        self._channels: list[Channel] = []
        self._worker: Worker | None = None
        self._transport: TransportCheck | None = None
        self._enabled = True
        self._digest, self._failure = "", ""
        self._diagnostics = Diagnostics(self)
        self._silence = Silence(self.get_logger())
        self._namesakes = Namesakes(self)
        self.exit_status, self.threads_left = 0, False
        self._refuse_impossible_transitions()
        # Not the node's clock: with use_sim_time that stands still until /clock comes, and jumps with a bag.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._heartbeat = self.create_timer(1.0, self._on_heartbeat, clock=steady)
        self._watch = self.create_timer(_WATCH_PERIOD_S, self._on_watch, clock=steady)
        self._autostart = None
        if self._settings["autostart"]:
            self._autostart = self.create_timer(0.0, self._on_autostart, clock=steady)
        self.create_service(SetBool, "~/set_enabled", self._on_set_enabled)
        self.create_service(Trigger, "~/reload", self._on_reload)

    # --- transitions ---------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the parameters, load the weights, warm the engine up, advertise the outputs."""
        return self._transition("configure", self._configure, super().on_configure, state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the camera and start the worker."""
        return self._transition("activate", self._activate, super().on_activate, state, parent_first=True)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the worker and unsubscribe."""
        return self._transition("deactivate", self._deactivate, super().on_deactivate, state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the engine, its device memory and the publishers."""
        return self._transition("clean up", self._cleanup, super().on_cleanup, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything, from whatever state."""
        return self._transition("shut down", self._cleanup, super().on_shutdown, state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after a transition that broke."""
        return self._transition("clean up", self._cleanup, super().on_error, state)

    def destroy_node(self) -> None:
        """Stop the worker, free the engine, destroy the node."""
        self._cleanup()
        super().destroy_node()

    def _transition(
        self,
        name: str,
        work: Callable[[], None],
        parent: Callable[[LifecycleState], TransitionCallbackReturn],
        state: LifecycleState,
        *,
        parent_first: bool = False,
    ) -> TransitionCallbackReturn:
        # rclpy turns an exception into ERROR without a word; here each gets its message.
        try:
            if parent_first:  # the publishers must be active before the worker is
                result = parent(state)
                work()
                return result
            work()
            return parent(state)
        except _CONFIGURATION_ERRORS as error:
            self._failure = f"cannot {name}: {error}"
            self.get_logger().error(self._failure)
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # noqa: BLE001
            self._failure = f"cannot {name}: {type(error).__name__}: {error}"
            self.get_logger().error(f"{self._failure}\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR

    def _configure(self) -> None:
        self._failure = ""
        self._settings.check()
        start = time.perf_counter()
        self._engine = engine = self._load()
        self._settings.check_loaded = self._check_loaded
        self._channels = [Channel(self, name, self._settings.of(name)) for name in self._settings.cameras]
        self._transport = TransportCheck(self, self._channels[0].publisher.cloud_profile)
        self._settings.locked = True
        self.get_logger().info(
            f"configured: weights {self._settings['weights']!r}, domain {engine.domain.name} "
            f"({engine.domain.num_classes} classes), device {engine.device}, in {time.perf_counter() - start:.1f} s; "
            f"runtime {engine.describe()}"
        )

    def _load(self, device: str | None = None) -> Engine:
        digest = digests(resolve_weights(self._settings["weights"]).path)[2]
        # In another device's stead: what was asked for may not be there, and nobody waits for a choice.
        runtime, precision = ("torch", "fp32") if device else (self._settings["runtime"], self._settings["precision"])
        engine = load_engine(
            self._settings["weights"],
            self._settings["domain"],
            device or self._settings["device"],
            self._settings.network_size(),
            runtime,
            precision,
        )
        for name in self._settings.cameras:
            settings = self._settings.of(name)
            for parameter in ("domain", "normals.source"):
                _check_engine(engine, parameter, settings[parameter])
        height, width = engine.network_size or _WARM_UP_SIZE
        black = np.zeros((height, width, 3), np.uint8)
        engine.predict([Frame(black)], wanted=())  # a runtime may compile less where less is wanted
        seen = engine.predict([Frame(black)])[0]
        camera = Pinhole(width, width, width / 2, height / 2, width, height)
        make_cloud(black, seen.labels, seen.depth, seen.confidence, camera)  # compiled at its first call
        self._digest = digest
        return engine

    def _check_loaded(self, name: str, value: Any) -> None:
        if self._engine is not None:
            _check_engine(self._engine, name, value)

    def _activate(self) -> None:
        self._failure = ""
        if self._engine is None:
            raise ParameterError("the node is not configured; configure it first")
        self._silence.reset()
        self._worker = worker = Worker(self, self._engine, self._channels, self._load, self._on_engine)
        worker.enabled = self._enabled
        statistics = [channel.statistics for channel in self._channels]
        newest: NewestOfEach | NewestSet = NewestOfEach(statistics, worker.notify)
        if self._settings["sync.mode"] == "approximate" and len(statistics) > 1:
            queue_size, slop = self._settings["sync.queue_size"], self._settings["sync.slop"]
            newest = NewestSet(statistics, worker.notify, queue_size, slop)
        for index, channel in enumerate(self._channels):
            channel.subscribe(functools.partial(newest.add, index))
        worker.start(newest)
        for channel in self._channels:
            channel.publish_meaning(self._engine)
        topics = ", ".join(topic for channel in self._channels for topic in channel.topics)
        self.get_logger().info(f"active: subscribed to {topics}; publishing {self.get_fully_qualified_name()}/*")

    def _deactivate(self) -> None:
        if self._worker is not None and not self._worker.stop():
            self.threads_left = True
        for channel in self._channels:
            channel.unsubscribe()
        self._worker = None

    def _cleanup(self) -> None:
        self._deactivate()
        if self._transport is not None:
            self._transport.stop()
        for channel in self._channels:
            channel.destroy()
        self._channels, self._engine, self._transport, self._digest = [], None, None, ""
        self._settings.locked = False
        self._settings.check_loaded = None
        if torch.cuda.is_available():  # pragma: no cover (needs CUDA)
            torch.cuda.empty_cache()

    # --- services ------------------------------------------------------------------------------------

    def _on_set_enabled(self, request: Any, response: Any) -> Any:
        self._enabled = bool(request.data)
        if self._worker is not None:
            self._worker.enabled = self._enabled
        response.success, response.message = True, "enabled" if self._enabled else "disabled"
        self.get_logger().info(f"{response.message} by ~/set_enabled")
        return response

    def _on_reload(self, _: Any, response: Any) -> Any:
        # Frames that come meanwhile wait in DDS, which keeps the newest.
        if self._engine is None:
            response.success, response.message = False, "the node is not configured; configure it first"
            return response
        try:
            self._engine = engine = self._load()
        except Exception as error:  # noqa: BLE001 (whatever it is, the old engine goes on)
            response.success, response.message = False, f"the weights stay as they were: {error}"
            self.get_logger().error(f"~/reload: {response.message}")
            return response
        if self._worker is not None:
            self._worker.engine = engine
        for channel in self._channels if self._worker is not None else ():
            channel.publish_meaning(engine)
        response.success, response.message = True, f"loaded {self._settings['weights']!r} anew"
        self.get_logger().info(f"~/reload: {response.message}")
        return response

    # --- timers --------------------------------------------------------------------------------------

    def _on_autostart(self) -> None:
        if self._autostart is None:
            return
        self.destroy_timer(self._autostart)
        self._autostart = None
        succeeded = TransitionCallbackReturn.SUCCESS
        if self.trigger_configure() != succeeded or self.trigger_activate() != succeeded:
            self.get_logger().error(
                "autostart failed, see above; the node waits: set it right with `ros2 param set`, then "
                f"`ros2 lifecycle set {self.get_fully_qualified_name()} configure` and activate, or start it again"
            )

    def _on_heartbeat(self) -> None:
        self._namesakes.look()
        if self._worker is not None:
            for channel in self._channels:
                channel.heartbeat()
            if self._transport is not None and self._settings["transport.check"]:
                self._transport.look(max(channel.cloud_bytes for channel in self._channels))
            self._silence.check(topic for channel in self._channels for topic in channel.silent_topics())
        if self._diagnostics.wanted:
            self._diagnostics.publish(self._statuses())

    def _statuses(self) -> list[Status]:
        if self._engine is None:
            state = "unconfigured"
        elif self._worker is None:
            state = "inactive"
        else:
            state = "active" if self._enabled else "disabled by ~/set_enabled"
        health = {channel: channel.health() for channel in self._channels if channel.camera is not None}
        return [
            engine_status(
                state, self._settings, self._engine, self._digest, [*health.values()], self._engine_complaints()
            ),
            *(channel.status(numbers, self._settings) for channel, numbers in health.items()),
        ]

    def _engine_complaints(self) -> list[Complaint]:
        found = [Complaint(Level.ERROR, text) for text in (self._failure, self._namesakes.complaint) if text]
        return [*found, *(worker_complaints(self._worker.health) if self._worker is not None else ())]

    def _on_watch(self) -> None:
        if self._worker is None:
            return
        fatal = self._worker.watch(self._settings["watchdog.timeout"], self._settings["watchdog.max_stuck"])
        if fatal:
            self.exit_status, self.threads_left = os.EX_SOFTWARE, True
            self.get_logger().fatal(f"{fatal}; it ends with exit status {self.exit_status}")
            self.context.try_shutdown()

    @property
    def cpu_fallback(self) -> bool:
        """Whether the CPU may take over from a device that is lost, or has no memory for one frame."""
        return bool(self._settings["cpu_fallback"])

    def _on_engine(self, engine: Engine) -> None:
        self._engine = engine  # the one before is freed, and with it its memory

    def _refuse_impossible_transitions(self) -> None:
        # rclpy raises out of its service callback, and so out of spin(), when a transition is asked for that
        # the present state does not have: any client could end the node.
        service = self._service_change_state
        change_state = service.callback

        @functools.wraps(change_state)
        def guarded(request: Any, response: Any) -> Any:
            try:
                return change_state(request, response)
            except RuntimeError as error:  # RCLError
                self.get_logger().error(
                    f"transition {request.transition.label or request.transition.id} refused: {error}"
                )
                response.success = False
                return response

        service.callback = guarded


def _check_engine(engine: Engine, name: str, value: Any) -> None:
    """Refuse a value that the loaded network cannot serve.

    Raises:
        DomainError: Its head does not hold the domain.
        ParameterError: It has no head for normals.
    """
    if name == "domain" and value:
        engine.reading(value)
    if name == "normals.source" and value == "network" and "normal" not in engine.modalities:
        raise ParameterError(
            "parameter 'normals.source' is 'network' but the weights have no head for normals; use auto or depth, or "
            "weights of three tasks"
        )

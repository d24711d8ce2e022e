# SPDX-License-Identifier: Apache-2.0
"""What came over the topics, as files and figures for a person."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import numpy as np

from joint_perception.demo import names
from joint_perception.demo.animation import MOST_FRAMES, Video, write_gif
from joint_perception.demo.pictures import Sketcher, scale_of
from joint_perception.geometry import write_ply
from joint_perception.offline.files import write_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from joint_perception.demo.playback import Moment, Playback
    from joint_perception.demo.recorder import Recorder
    from joint_perception.domains import Domain

_PANELS = 4
_SHARE_NAMED = 0.002  # of the pixels, from which the legend names a class
_PROBES = 8  # moments that the colours' scale and the legend are chosen by


def write_pictures(
    playback: Playback, domain: Domain, true_domain: Domain | None, folder: Path, rate: float
) -> list[Path]:
    """Write panels and clouds of a few moments, and an animation of what moves, from the received messages alone.

    Args:
        playback: What came.
        domain: What the node's labels mean.
        true_domain: What the true labels mean; None: there is no truth.
        folder: Where the files go.
        rate: Frames a second of the camera.

    Returns:
        The files; none where no frame was complete.
    """
    written = []
    for number, stamp in enumerate(_panel_stamps(playback), 1):
        moment = next(playback.moments([stamp], clouds=True))
        if moment.cloud is None:
            continue
        panel, ply = folder / f"panel_{number}.png", folder / f"points_{number}.ply"
        write_image(panel, _sketcher([moment], domain, true_domain).panel(moment))
        write_ply(moment.cloud, ply)
        written += [panel, ply]
    return [*written, *_write_animation(playback, domain, true_domain, folder, rate)]


def _write_animation(
    playback: Playback, domain: Domain, true_domain: Domain | None, folder: Path, rate: float
) -> list[Path]:
    size = playback.main_size()
    stamps = [stamp for stamp, other in playback.sizes.items() if other == size]
    if len({playback.pictures[stamp] for stamp in stamps}) < 2:  # noqa: PLR2004
        return []  # nothing moves
    probes = list(playback.moments(_spread(stamps, _PROBES)))
    sketcher = _sketcher(probes, domain, true_domain)
    chosen = set(_spread(stamps, MOST_FRAMES))
    seconds = (stamps[-1] - stamps[0]) * 1e-9 + 1 / rate
    # At the speed that it was received with: the node may have left frames out.
    video, pictures = Video(folder / "video.mp4", len(stamps) / seconds), []
    for moment in playback.moments(stamps):
        picture = sketcher.compare(moment)
        video.add(picture)
        if moment.stamp in chosen:
            pictures.append(picture)
    gif = folder / "animation.gif"
    write_gif(gif, pictures, seconds)
    return [gif, folder / "video.mp4"] if video.close() else [gif]


def _panel_stamps(playback: Playback) -> list[int]:
    """Moments with clouds, spread over time, of every image size at least one."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for stamp in playback.with_clouds:
        by_size.setdefault(playback.sizes[stamp], []).append(stamp)
    each = max(1, _PANELS // max(1, len(by_size)))
    return sorted(stamp for stamps in by_size.values() for stamp in _spread(stamps, each))


def _spread(stamps: list[int], most: int) -> list[int]:
    """At most so many of them, evenly spread from the first to the last."""
    if len(stamps) <= most:
        return stamps
    if most == 1:
        return stamps[-1:]
    return [stamps[round(i * (len(stamps) - 1) / (most - 1))] for i in range(most)]


def _sketcher(moments: list[Moment], domain: Domain, true_domain: Domain | None) -> Sketcher:
    depths = [moment.depth if moment.true_depth is None else moment.true_depth for moment in moments]
    legend = _named([moment.labels for moment in moments], domain)
    if true_domain is not None:
        legend |= _named([moment.true_labels for moment in moments if moment.true_labels is not None], true_domain)
    return Sketcher(domain, true_domain, scale_of(depths, domain), legend)


def _named(labels: Sequence[npt.NDArray[np.uint8]], domain: Domain) -> dict[str, tuple[int, int, int]]:
    """Names and colours of the classes that matter in these label images."""
    counts = np.bincount(np.concatenate([image.ravel() for image in labels]), minlength=256)
    seen = [i for i in range(domain.num_classes) if counts[i] >= _SHARE_NAMED * counts.sum()]
    return {domain.class_names[i]: domain.colors[i] for i in seen}


def summary(recorder: Recorder) -> list[str]:
    """Lines that say what was measured."""
    lines = [f"  {'topic':<34}{'messages':>9}{'latency, median':>18}"]
    for topic, values in sorted(recorder.latencies.items()):
        if topic in names.TRUE_TOPICS:
            continue
        lines.append(f"  {topic:<34}{len(values):>9}{1e3 * statistics.median(values):>15.0f} ms")
    stats = recorder.stats
    if stats is not None:
        drops = ", ".join(f"{n} {cause}" for cause, n in zip(stats.drop_causes, stats.drop_counts, strict=True))
        lines.append(
            f"  frames: {stats.frames_in} in, {stats.frames_out} out, {stats.frames_dropped} dropped"
            + (f" ({drops})" if drops else "")
        )
        stages = zip(stats.stages, stats.stage_milliseconds, strict=True)
        lines.append("  newest frame: " + ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in stages))
    return lines

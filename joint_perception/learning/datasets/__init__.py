# SPDX-License-Identifier: Apache-2.0
"""Data sets: images with whichever of labels, depth and normals somebody measured."""

from joint_perception.learning.datasets.batch import Batch, Example, Targets, collate, network_input, to_example
from joint_perception.learning.datasets.registry import DATASETS, open_dataset
from joint_perception.learning.datasets.sample import Dataset, DatasetError, Sample

__all__ = [
    "DATASETS",
    "Batch",
    "Dataset",
    "DatasetError",
    "Example",
    "Sample",
    "Targets",
    "collate",
    "network_input",
    "open_dataset",
    "to_example",
]

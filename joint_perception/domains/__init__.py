# SPDX-License-Identifier: Apache-2.0
"""What the network's outputs mean: class names, colours, depth range, training camera."""

from joint_perception.domains.catalogue import DOMAINS, KITTI, NYUD, NYUD_KITTI, get_domain
from joint_perception.domains.domain import Domain, DomainError

__all__ = ["DOMAINS", "KITTI", "NYUD", "NYUD_KITTI", "Domain", "DomainError", "get_domain"]

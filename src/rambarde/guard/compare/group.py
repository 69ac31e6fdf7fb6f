"""A group: of which of a picture's people the pose is worth looking for. Each costs about a tenth of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.compare import pose
from rambarde.guard.compare.limbs import HIPS_FROM
from rambarde.guard.compare.pose import Pose
from rambarde.guard.media.faces import Face


def poses(rgb: NDArray[np.uint8], found: Sequence[Face]) -> tuple[Pose | None, ...]:
    """The pose of each upright face of a picture (height, width, 3) that reaches down to where legs may be seen;
    None for the others, and where no pose is certain. A portrait costs nothing."""
    image = Image.fromarray(rgb)
    return tuple(_pose(image, face) for face in found)


def _pose(image: Image.Image, face: Face) -> Pose | None:
    x, y = (float(v) for v in face.points[:2].mean(axis=0))
    if face.turned or image.height - y < HIPS_FROM * face.unit:
        return None
    return pose.shared().find(image, (x, y), face.unit)

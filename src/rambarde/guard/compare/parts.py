"""Parts: how much more of the torso, the thighs or the shins is bare, joint for joint, whatever the pose.

The tone alone takes the clothes of small figures for skin, and the hue alone wood and hands; so both must rise
together. Where one does, or a colour comes that somebody else's skin could have, a part may have been laid
bare, and there is no answer.

Of a picture's two thighs nobody says which is the other picture's left one: the barest goes with the barest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare.body import Body

Mask = NDArray[np.bool_]
Share = Callable[[Body, Mask], float]

BARE = 0.4
"""Rise of the bare share of a part, in the face's tone and in its hue alike, that is scaled to 0.5."""
LIKELY = 0.3
"""Rise in the face's hue, in any light, that may be a part laid bare."""
POSSIBLE = 0.4
"""The same in a colour that somebody's skin could have."""
DOUBTED = 0.15
"""Rise in the hue below which a rise in the tone of the whole body is doubted: clothes read so in small pictures."""


@dataclass(frozen=True, slots=True)
class Rise:
    """How the bare share of the part that changed most has changed, each in [−1, 1].

    `own`: in the face's tone and in its hue, the smaller of both. `hue`: in its hue, in any light. `other`: in a
    colour that somebody's skin could have. `fresh`: the largest share in the face's hue of a part that the
    original does not show, in [0, 1]. `known` is False where the pictures have no part in common.
    """

    own: float = 0.0
    hue: float = 0.0
    other: float = 0.0
    fresh: float = 0.0
    known: bool = False

    @property
    def doubtful(self) -> bool:
        """Whether a part may have been laid bare."""
        return max(self.hue, self.fresh) >= LIKELY or self.other >= POSSIBLE

    @property
    def unmoved(self) -> bool:
        """Whether parts are known, and the hue of none of them rose."""
        return self.known and self.hue < DOUBTED


def rise(original: Body, output: Body, one_view: bool) -> Rise:
    """The largest rise over all parts that both pictures show.

    In `one_view` a part is where the original shows it: what is laid on a leg can hide it from the finder of
    joints and from the mask of the person, so there only the doubt is told without them.
    """
    kinds = {limb.kind for limb in output.limbs}
    both = {k for k in kinds if any(limb.kind == k for limb in original.limbs)}
    fresh = max((_bare(output, limb.cells) for limb in output.limbs if limb.kind not in both), default=0.0)
    if one_view:
        places = [limb.cells & output.inside for limb in original.limbs]
        shown = [cells for cells in places if (cells & output.person).sum() >= cells.sum() / 2]
        own = _most(min(_there(original, output, c, share) for share in (_toned, _bare)) for c in shown)
        hue = _most(_there(original, output, cells, _bare) for cells in places)
        other = _most(_there(original, output, cells, _human) for cells in places)
        return Rise(own, hue, other, fresh, known=bool(places))
    own = _most(min(_rise(original, output, k, share) for share in (_toned, _bare)) for k in both)
    hue = _most(_rise(original, output, k, _bare) for k in both)
    other = _most(_rise(original, output, k, _human) for k in both)
    return Rise(own, hue, other, fresh, known=bool(both))


def _most(rises: Iterable[float]) -> float:
    return max(rises, default=0.0)


def _toned(body: Body, cells: Mask) -> float:
    return float(body.skin[:, cells].mean()) if cells.any() else 0.0


def _bare(body: Body, cells: Mask) -> float:
    return float(body.bare[cells].mean()) if cells.any() else 0.0


def _human(body: Body, cells: Mask) -> float:
    return float(body.human[cells].mean()) if cells.any() else 0.0


def _there(original: Body, output: Body, cells: Mask, share: Share) -> float:
    return share(output, cells) - share(original, cells)


def _rise(original: Body, output: Body, kind: str, share: Share) -> float:
    before = sorted((share(original, b.cells) for b in original.limbs if b.kind == kind), reverse=True)
    after = sorted((share(output, b.cells) for b in output.limbs if b.kind == kind), reverse=True)
    before += [before[0]] * (len(after) - len(before))
    return max(a - b for a, b in zip(after, before, strict=False))

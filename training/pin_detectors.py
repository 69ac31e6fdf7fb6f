"""Write version and digest of the installed detectors into the shipped policy.

    python training/pin_detectors.py

Swapping a detector is a policy change: this script makes the change visible as a diff of `shipped.yaml`.
A test fails while the two differ.
"""

from __future__ import annotations

import re
from pathlib import Path

from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings

SHIPPED = Path(__file__).parent.parent / "src/rambarde/guard/policy/packs/shipped.yaml"


def main() -> None:
    lines = []
    extras = {point.name for point in parts.detector_points() if point.extras}
    for detector in parts.detectors(Settings()):
        if detector.info.name in extras:
            continue  # no shipped policy requires what is not installed by default
        detector.load()
        lines.append(
            f'  {detector.info.name}: {{version: "{detector.info.version}", digest: "{detector.digest}"}}'
        )
    text = SHIPPED.read_text("utf-8")
    block = "detectors:\n" + "\n".join(lines) + "\n"
    changed = re.sub(r"^detectors:.*\n(?:  .*\n)*", lambda _: block, text, flags=re.MULTILINE)
    SHIPPED.write_text(changed, "utf-8")
    print("unchanged" if changed == text else f"pinned {len(lines)} detectors")


if __name__ == "__main__":
    main()

"""Takes pose_landmark_lite.tflite, unchanged, from the npm package `@mediapipe/pose`.

Origin: MediaPipe BlazePose GHUM 3D, lite (Google, Apache-2.0). Run: `python training/vendor_pose.py`.
"""

from __future__ import annotations

from packages import from_npm, write

PACKAGE, VERSION = "@mediapipe/pose", "0.5.1675469404"
MODEL = "pose_landmark_lite.tflite"
SHA256 = "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61"


def main() -> None:
    write(MODEL, from_npm(PACKAGE, VERSION, {MODEL: SHA256})[MODEL], SHA256)


if __name__ == "__main__":
    main()

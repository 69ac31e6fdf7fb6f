"""Takes selfie_segmentation.tflite, unchanged, from the npm package `@mediapipe/selfie_segmentation`.

Origin: MediaPipe Selfie Segmentation (Google, Apache-2.0). Run: `python training/vendor_masks.py`.
"""

from __future__ import annotations

from packages import from_npm, write

PACKAGE, VERSION = "@mediapipe/selfie_segmentation", "0.1.1675465747"
MODEL = "selfie_segmentation.tflite"
SHA256 = "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27"


def main() -> None:
    write(MODEL, from_npm(PACKAGE, VERSION, {MODEL: SHA256})[MODEL], SHA256)


if __name__ == "__main__":
    main()

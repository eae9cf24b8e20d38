"""Each target: written, opened again, compared; what a file says, and what it computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ctcdsl
from ctcdsl.exporters.deployed import Normalise
from ctcdsl.exporters.description import Description, Preprocessing
from ctcdsl.exporters.exported import open_exported
from ctcdsl.exporters.registry import find_exporter, registered
from ctcdsl.images.colour import Statistics, preprocess
from tests.codegen.test_pytorch import TEXTS
from tests.support.exported import CLASSES, SPEC, make_run, need

TARGETS = tuple(registered())
FLOAT = [target for target in TARGETS if not target.endswith("int8")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ctcdsl.Run:
    return make_run(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def files(run: ctcdsl.Run) -> dict[str, ctcdsl.Export]:
    """The exports that were made so far, by target."""
    return {}


def exported(files: dict[str, ctcdsl.Export], run: ctcdsl.Run, target: str) -> ctcdsl.Export:
    need(target)
    if target not in files:
        suffix = find_exporter(target).suffix
        output = run.folder.parent / f"{target}{suffix}"
        files[target] = ctcdsl.export(run, target, output, max_drop=0.5)
    return files[target]


def test_the_targets_are_registered_as_plug_ins_are() -> None:
    assert set(TARGETS) >= {"onnx", "onnx-int8", "openvino", "openvino-int8", "torch-export"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_run(run: ctcdsl.Run, files: dict[str, ctcdsl.Export], target: str) -> None:
    done = exported(files, run, target)
    assert done.agreement.split == "test" and done.agreement.images == 24
    assert done.agreement.accuracy is not None
    accuracy = done.agreement.accuracy
    assert accuracy.module == pytest.approx(1 - ctcdsl.evaluate(run, views=1).top1_error)
    if target in FLOAT:
        assert done.agreement.difference < 1e-5 and done.agreement.top1 == 1
    assert done.notes == ("norms folded: 3",)
    assert done.bytes == sum(path.stat().st_size for path in done.files) > 0
    model = open_exported(done.path)
    assert model.description.classes == CLASSES == run.classes
    assert model.description.target == target
    assert model.description.input == (3, 16, 16)
    assert ctcdsl.loads(model.description.spec).name == "Tiny"
    for images in (1, 5):  # any batch
        assert model(torch.zeros((images, 3, 16, 16), dtype=torch.uint8)).shape == (images, 3)


@pytest.mark.parametrize("target", TARGETS)
def test_eval_takes_the_file(
    run: ctcdsl.Run, files: dict[str, ctcdsl.Export], target: str, ctcdsl: Any
) -> None:
    done = exported(files, run, target)
    data = run.folder.parent / "data"
    reports = []
    for source in (run.folder, done.path):
        found = ctcdsl("eval", source, "--data", data, "--format", "json")
        assert found.code == 0, found.err
        reports.append(json.loads(found.out))
    if target in FLOAT:
        assert reports[1]["loss"] == pytest.approx(reports[0].pop("loss"), abs=1e-5)
        assert reports[1] == {"loss": reports[1]["loss"], **reports[0]}
    page = done.path.with_suffix(".html")
    picture = done.path.with_suffix(".png")
    outputs = ("--report", page, "--picture", picture)
    assert ctcdsl("eval", done.path, "--data", data, *outputs).code == 0
    assert done.path.name in page.read_text(encoding="utf-8") and picture.stat().st_size > 0


@pytest.mark.parametrize("target", ["onnx", "onnx-int8"])
def test_nodes_have_the_names_of_stages(
    run: ctcdsl.Run, files: dict[str, ctcdsl.Export], target: str
) -> None:
    done = exported(files, run, target)
    import onnx

    graph = onnx.load(done.path).graph
    stages = ["preprocessing", *list(run.network.stages)[:-1], "classifier"]
    computing = ("Conv", "Relu", "Gemm", "Add", "Sub", "Div")
    named = [node.name.partition("/")[0] for node in graph.node if node.op_type in computing]
    assert set(named) == set(stages)
    assert list(dict.fromkeys(named)) == stages
    assert not any(node.metadata_props or node.doc_string for node in graph.node)
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_nodes_of_openvino_have_them_too(run: ctcdsl.Run, files: dict[str, ctcdsl.Export]) -> None:
    done = exported(files, run, "openvino")
    import openvino

    model = openvino.Core().read_model(done.path)
    relus = [op for op in model.get_ordered_ops() if op.get_type_name() == "Relu"]
    names = [op.get_friendly_name().partition("/")[0] for op in relus]
    assert names == ["conv1", "conv2_x", "conv2_x"]


def test_int8_is_smaller(run: ctcdsl.Run, files: dict[str, ctcdsl.Export]) -> None:
    import onnx

    model = onnx.load(exported(files, run, "onnx-int8").path)
    weights = [t for t in model.graph.initializer if "weight" in t.name and t.dims]
    kinds = {t.data_type for t in weights if t.name.endswith("weight_quantized")}
    assert kinds == {onnx.TensorProto.INT8}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_file_normalises_as_training_does(channels: int) -> None:
    mean, divisor = (120.7, 99.1, 86.5)[:channels], 58.0
    zeros = (0.0,) * channels
    statistics = Statistics(mean, zeros, (zeros,) * channels)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 9, 7), np.uint8))
    own = Normalise(Preprocessing(mean=mean, std=(divisor,) * channels, resize=16))
    assert torch.equal(own(pixels), preprocess(pixels, statistics, divisor))


def test_a_description_survives_its_text() -> None:
    for done in (None, Preprocessing(mean=(1.5, 2.0, 3.0), std=(4.0, 5.0, 6.0), resize=20)):
        description = Description(
            name="J'",
            target="onnx",
            input=(3, 16, 18),
            classes=("café", "b"),
            preprocessing=done,
            spec=SPEC,
        )
        assert Description.from_text(description.to_text()) == description


def test_a_network_without_a_run(tmp_path: Path) -> None:
    need("onnx")
    network = ctcdsl.loads(SPEC)
    module = ctcdsl.build(network).eval()
    file = tmp_path / "tiny.onnx"
    done = ctcdsl.export(network, output=file, weights=module.state_dict())
    assert done.agreement.split == "random" and done.agreement.accuracy is None
    images = torch.randn((3, 3, 16, 16))
    with torch.inference_mode():
        assert torch.allclose(open_exported(file)(images), module(images), atol=1e-5)
    with pytest.raises(ctcdsl.UserError, match="CTC767"):
        ctcdsl.evaluate(file)


def test_a_network_that_takes_pixels(tmp_path: Path) -> None:
    need("onnx")
    network = ctcdsl.loads(SPEC.replace("conv1", "classes 2\nconv1"))
    module = ctcdsl.build(network).eval()
    file, mean, std = tmp_path / "tiny.onnx", (10.0, 20.0, 30.0), (5.0, 6.0, 7.0)
    ctcdsl.export(
        network, output=file, weights=module.state_dict(), mean=mean, std=std, classes=("a", "b")
    )
    model = open_exported(file)
    assert model.description.classes == ("a", "b")
    pixels = torch.full((1, 3, 16, 16), 90, dtype=torch.uint8)
    values = (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.inference_mode():
        assert torch.allclose(model(pixels), module(values), atol=1e-5)


def test_branches_are_fused(tmp_path: Path) -> None:
    need("onnx")
    network = ctcdsl.loads("input 3x16x16\nclasses 3\n(3,8)/2 [ (3,8) | (1,8) | bn ] gap fc")
    done = ctcdsl.export(network, output=tmp_path / "rep.onnx")
    assert done.notes == ("blocks fused: 1",)
    import onnx

    ops = [node.op_type for node in onnx.load(done.path).graph.node]
    assert ops.count("Conv") == 2 and "Add" not in ops


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_response_norms_and_pools(target: str, tmp_path: Path) -> None:
    """Chains of torch are one operator where that is faster; what they compute is the same."""
    need(target)
    rows = "(3,8)/2 lrn (3,8,gelu) ln lrn gap fc"
    network = ctcdsl.loads(f"input 3x16x16\nclasses 3\n{rows}")
    file = tmp_path / ("norms" + find_exporter(target).suffix)
    done = ctcdsl.export(network, target, file)
    assert done.agreement.difference < 1e-5
    if target == "onnx":
        import onnx

        ops = [node.op_type for node in onnx.load(file).graph.node]
        assert ops.count("GlobalAveragePool") == 1 and "Gather" not in ops and "LRN" not in ops
    else:
        import openvino

        kinds = [op.get_type_name() for op in openvino.Core().read_model(file).get_ordered_ops()]
        assert kinds.count("LRN") == 2 and "AvgPool" not in kinds


@pytest.mark.parametrize("name", ["every_layer", "trunk"])
def test_other_networks(name: str, tmp_path: Path) -> None:
    """Solved paddings, response norms, ceil pools, fc layers inside; a network without a head."""
    need("onnx")
    network = ctcdsl.loads(TEXTS[name])
    done = ctcdsl.export(network, output=tmp_path / "a.onnx")
    assert done.agreement.difference < 1e-5 and done.agreement.top1 > 0.99

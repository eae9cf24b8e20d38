"""`ctcdsl cost --memory`: its tables, its JSON, what fits, and wrong options."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import ctcdsl as library


def rows(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out)))


def test_the_table_has_peaks_and_where_they_are(ctcdsl: Any) -> None:
    arguments = ("cost", "resnet50", "mobilenet_v2", "--memory", "--batch", "8")
    result = ctcdsl(*arguments)
    assert result.code == 0
    assert "947.4 MB  conv5_x.block1.conv2, backward  0 to 28.4 MB" in result.out
    assert "216.4 MB  conv2_x.block1.shortcut" in result.out
    assert "Memory for 8 images in float32" in result.out
    training, inference, *others = rows(ctcdsl(*arguments, "--format", "csv").out)
    memory = library.memory("resnet50", batch=8)
    assert int(training["peak"]) == memory.training.peak
    assert int(training["kept for backward"]) == memory.training.saved
    assert int(training["kernels add"]) == memory.training.kernels
    assert int(inference["peak"]) == memory.inference.peak
    assert [row["of"] for row in others] == ["training", "inference"]


def test_precision_and_optimizer_matter(ctcdsl: Any) -> None:
    options = ("--precision", "bf16", "--optimizer", "adamw", "--format", "csv")
    training, _ = rows(ctcdsl("cost", "resnet18", "--memory", *options).out)
    memory = library.memory("resnet18", precision="bf16", optimizer="adamw")
    assert int(training["peak"]) == memory.training.peak
    assert int(training["optimizer"]) == memory.state == 2 * memory.gradients + 4 * 62


def test_layers_have_what_they_keep(ctcdsl: Any) -> None:
    out = ctcdsl("cost", "resnet18", "--memory", "--layers", "--format", "csv").out
    layers = library.memory("resnet18").layers
    assert [row["layer"] for row in rows(out)] == [layer.name for layer in layers]
    assert sum(int(row["kept for backward"]) for row in rows(out)) == sum(x.kept for x in layers)
    text = ctcdsl("cost", "resnet18", "--memory", "--layers").out
    assert text.startswith("ResNet18\nlayer ")


def test_json_has_the_bytes_beside_the_counts(ctcdsl: Any) -> None:
    result = ctcdsl("cost", "resnet18", "--memory", "--fits", "1GB", "--format", "json")
    (network,) = json.loads(result.out)["networks"]
    expected = library.memory("resnet18")
    memory = network["memory"]
    assert network["macs"] == expected.network.macs
    assert memory["inference"]["peak"] == expected.inference.peak
    assert memory["training"]["peak"] == expected.training.peak
    assert memory["training"]["saved"] == expected.training.saved
    assert memory["training"]["phase"] == "backward"
    assert len(memory["layers"]) == len(expected.layers)
    fits = memory["fits"]
    assert fits["available"] == 10**9
    assert fits["training"]["batch"] == expected.largest_batch(10**9)
    assert fits["inference"]["batch"] == expected.largest_batch(10**9, training=False)


def test_the_batches_that_fit_and_what_binds(ctcdsl: Any) -> None:
    out = ctcdsl("cost", "resnet50", "--memory", "--fits", "6GB", "--format", "csv").out
    assert [row["largest batch"] for row in rows(out)] == ["66", "413"]
    training, inference = rows(
        ctcdsl("cost", "resnet50", "--memory", "--fits", "350MB", "--format", "csv").out
    )
    alone = library.memory("resnet50").training
    assert training["largest batch"] == "0"
    assert int(training["one more takes"]) == alone.peak + alone.kernels
    assert training["what binds"] == "conv5_x.block1.conv2, backward"
    assert int(inference["largest batch"]) > 0
    out = ctcdsl("cost", "vgg16", "--memory", "--fits", "0.1GB").out
    assert "weights, gradients and optimizer\n" in out and " weights\n" in out


def test_a_picture_of_memory_over_time(ctcdsl: Any, tmp_path: Path) -> None:
    file = tmp_path / "memory.svg"
    result = ctcdsl("cost", "resnet18", "--memory", "--timeline", str(file))
    assert result.code == 0 and "memory over time drawn in" in result.err
    text = file.read_text(encoding="utf-8")
    assert text == library.memory("resnet18").draw()
    assert "Memory of a training step of ResNet18" in text
    shown = library.memory("resnet18")._repr_html_()
    assert "<table>" in shown and text in shown


def test_microcontrollers(ctcdsl: Any) -> None:
    result = ctcdsl("cost", "mobilenet_v2", "--memory", "--device", "mcu")
    assert "1,372.0 KiB  stage2.ir1.branch1.conv1  stage2.ir1" in result.out
    layers = ctcdsl("cost", "mobilenet_v2", "--memory", "--device", "mcu", "--layers").out
    assert "stage2.ir1.branch1.conv1" in layers
    out = ctcdsl("cost", "mobilenet_v2", "--memory", "--device", "mcu", "--format", "json").out
    (network,) = json.loads(out)["networks"]
    assert network["memory"]["inference"]["peak"] == 1372 * 1024
    assert network["memory"]["inference"]["block"] == "stage2.ir1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fits", "6"), "`6` has no unit"),
        (("--fits", "6gb"), "hint: write 6GB"),
        (("--fits", "6 parsec"), "`parsec` is not a unit of memory"),
        (("--fits", "much"), "`much` is not an amount of memory"),
        (("--fits", "0GB"), "`0GB` is no memory at all"),
        (("--fits",), "requires an argument"),
        (("--batch", "0"), "0 is not in the range"),
        (("--optimizer", "lion"), "'lion' is not one of"),
        (("--metrics", "macs"), "leave --metrics out"),
        (("--relative-to", "A"), "leave --relative-to out"),
        (("--device", "mcu", "--fits", "1GB"), "--fits is of training on a CPU"),
        (("A", "--timeline", "x.svg"), "draws one network, and there are 2"),
    ],
)
def test_wrong_options_are_clear(ctcdsl: Any, options: tuple[str, ...], message: str) -> None:
    result = ctcdsl("cost", "resnet18", "--memory", *options)
    assert result.code in (1, 2) and message in result.err
    assert ("CTC702" in result.err) is (result.code == 1)
    assert "Traceback" not in result.err and not result.out


@pytest.mark.parametrize("option", [("--fits", "1GB"), ("--device", "mcu"), ("--timeline", "a")])
def test_options_of_memory_need_it(ctcdsl: Any, option: tuple[str, str]) -> None:
    result = ctcdsl("cost", "resnet18", *option)
    assert result.code == 2 and f"{option[0]} is of --memory: add it" in result.err

"""`ctcdsl cost`: its tables, its JSON, its notes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.timing.table import write_table
from tests.conftest import ROOT
from tests.support.latency import linear_table

ROW = "(7,64)/2 3/3 (2,128)×4 (2,256)×6\n"


def test_cost_of_all_models(ctcdsl: Any) -> None:
    result = ctcdsl("cost", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("specs/*.ctc")))
    assert result.code == 0
    assert result.out.count("854,954,688") == 2 * 3
    assert "A MAC is two FLOPs" in result.out and "Eqn. 1" in result.out
    assert result.err.count("CTC901") == 1


def test_a_bare_row_from_standard_input(ctcdsl: Any) -> None:
    for arguments in (["cost", "-"], ["cost"]):
        result = ctcdsl(*arguments, stdin=ROW)
        assert result.code == 0
        assert "109 · 35 36 35 36 35 36 35 36 35 36" in result.out
        assert result.err.count("takes the paper's") == 1


def test_cost_as_json_keeps_its_contract(ctcdsl: Any) -> None:
    result = ctcdsl(
        "cost", "specs/A.ctc", "specs/J_prime.ctc", "--relative-to", "A", "--format", "json"
    )
    report = json.loads(result.out)
    first, second = report["networks"]
    assert (first["name"], second["name"]) == ("A", "J'")
    assert second["file"] == "specs/J_prime.ctc"
    assert second["depth"] == 11 and second["macs"] == 836_604_608
    assert second["macs_fc"] == 73_302_016 and second["params"] == 79_190_248
    assert round(second["relative"], 4) == 0.9785
    sides = [109, 36, 37, 36, 35, 17, 18, 17, 18, 5, 6]
    assert second["maps"] == [[side, side] for side in sides]
    layers = second["layers"]
    assert sum(layer["macs"] for layer in layers) == second["macs"]
    assert sum(layer["params"] for layer in layers) == second["params"]
    assert layers[0] == {
        "name": "stage1.conv",
        "kind": "conv",
        "spec": "(7,64)/2",
        "in": [3, 224, 224],
        "out": [64, 109, 109],
        "macs": 111_776_448,
        "macs_fc": 0,
        "training_macs": 2 * 111_776_448,  # the image needs no gradient
        "params": 9_472,
        "buffers": 0,
        "activation_bytes": 4 * 64 * 109 * 109,
        # The image, the map of the convolution, which ReLU reads and writes again, parameters.
        "traffic": 4 * (3 * 224 * 224 + 3 * 64 * 109 * 109 + 9_472),
        "intensity": pytest.approx(111_776_448 / 9_764_608),
        "receptive_field": [7, 7],
    }
    assert report["metrics"]["traffic"]["unit"] == "bytes"
    assert "for one image, maps in float32" in report["metrics"]["traffic"]["convention"]
    kinds = [layer["kind"] for layer in layers[-6:]]
    assert kinds == ["spp", "fc", "dropout", "fc", "dropout", "fc"]


def test_cost_as_csv_is_numbers(ctcdsl: Any) -> None:
    out = ctcdsl("cost", "specs/A.ctc", "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(out))
    assert int(row["MACs"]) == 854_954_688
    assert row["conv maps"] == "109 · 36 · 18 18 18"


def test_cost_as_markdown_is_a_table(ctcdsl: Any) -> None:
    lines = ctcdsl("cost", "specs/A.ctc", "--format", "markdown").out.splitlines()
    assert lines[0].startswith("| network") and set(lines[1]) <= set("|-:")
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")


def test_layers_with_receptive_field_and_share(ctcdsl: Any) -> None:
    out = ctcdsl("cost", "specs/J_prime.ctc", "--layers").out
    line = next(line for line in out.splitlines() if line.startswith("stage4.conv2"))
    assert line.split()[:3] == ["stage4.conv2", "(2,256,p1)", "256x6x6"]
    assert line.split()[3:] == ["84,934,656", "10.2%", "2,359,552", "151"]
    sums = [line.split() for line in out.splitlines() if line.startswith(("convo", "fully", "all"))]
    assert sums == [
        ["convolutions", "836,604,608", "100.0%", "5,879,040"],
        ["fully", "connected", "73,302,016", "73,311,208"],
        ["all", "layers", "79,190,248"],
    ]


def test_metrics_take_the_place_of_the_usual_columns(ctcdsl: Any) -> None:
    out = ctcdsl("cost", "specs/A.ctc", "--metrics", "buffers,training_macs").out
    titles, _, row, *statement = out.splitlines()
    assert titles.split() == ["network", "depth", "buffers", "training", "MACs"]
    assert row.split() == ["A", "5", "0", "2,672,993,664"]
    text = " ".join(statement)
    assert "Buffers: " in text and "Training MACs: " in text and "Relative" not in text


def test_layers_with_all_metrics_end_in_their_totals(ctcdsl: Any) -> None:
    """Sums, but a quotient of sums, and the receptive field of the last layer."""
    result = ctcdsl("cost", "resnet18", "--layers", "--metrics", "all", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    total = ctcdsl("cost", "resnet18", "--metrics", "all", "--format", "csv").out
    (all_layers,) = csv.DictReader(io.StringIO(total))
    for title in ("MACs", "fc MACs", "training MACs", "parameters", "buffers", "traffic"):
        assert sum(int(row[title]) for row in rows) == int(all_layers[title]) > 0
    macs = int(all_layers["MACs"]) + int(all_layers["fc MACs"])
    assert float(all_layers["MACs/byte"]) == pytest.approx(macs / int(all_layers["traffic"]))
    assert all_layers["receptive field"] == rows[-1]["receptive field height"]
    text = ctcdsl("cost", "resnet18", "--layers", "--metrics", "all").out
    sums = next(line for line in text.splitlines() if line.startswith("all layers"))
    assert sums.split()[2:5] == [f"{int(all_layers['MACs']):,}", "100.0%", "512,000"]


def test_a_mistyped_metric(ctcdsl: Any) -> None:
    result = ctcdsl("cost", "specs/A.ctc", "--metrics", "macs, trafic")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error[CTC701]: there is no metric `trafic`\n = hint: did you mean `traffic`?\n1 error\n"
    )
    hint = ctcdsl("cost", "specs/A.ctc", "--metrics", "watts").err.splitlines()[1]
    assert hint.startswith(" = hint: the metrics are macs, macs-fc, training-macs, ")


def test_relative_to_an_unknown_network(ctcdsl: Any) -> None:
    result = ctcdsl("cost", "specs/A.ctc", "--relative-to", "Z")
    assert result.code == 1 and "CTC111" in result.err and "given are A" in result.err


def test_another_input_drops_maps_with_a_note(ctcdsl: Any) -> None:
    result = ctcdsl("cost", "specs/A.ctc", "--input", "80")
    assert result.code == 0 and "37 · 12 · 6 6 6" in result.out and "CTC903" in result.err


def test_layers_as_csv_are_one_table(ctcdsl: Any) -> None:
    """A program adds up columns: no second header, no sums among the rows, no two meanings."""
    out = ctcdsl(
        "cost", "specs/A.ctc", "specs/modern/resnet18.ctc", "--layers", "--format", "csv"
    ).out
    rows = list(csv.DictReader(io.StringIO(out)))
    sums = {
        name: tuple(
            sum(int(row[column]) for row in rows if row["network"] == name)
            for column in ("MACs", "fc MACs", "parameters")
        )
        for name in ("A", "ResNet18")
    }
    assert sums["A"] == (854_954_688, 73_302_016, 75_000_936)
    assert sums["ResNet18"][1:] == (512_000, 11_689_512)
    assert {row["network"] for row in rows} == {"A", "ResNet18"} and out.count("network,") == 1
    assert sum(float(row["share"]) for row in rows) == pytest.approx(2, abs=0.01)
    first = rows[0]
    assert (first["channels"], first["height"], first["width"]) == ("64", "109", "109")
    assert first["receptive field height"] == first["receptive field width"] == "7"


def test_layers_as_csv_name_the_file_where_names_repeat(ctcdsl: Any) -> None:
    out = ctcdsl("cost", "specs/A.ctc", "specs/table1.ctc", "--layers", "--format", "csv").out
    files = {row["file"] for row in csv.DictReader(io.StringIO(out)) if row["network"] == "A"}
    assert files == {"specs/A.ctc", "specs/table1.ctc"}


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device.json"
    write_table(linear_table(), path)
    return path


def test_predicted_times(ctcdsl: Any, device: Path) -> None:
    result = ctcdsl("cost", "A", "resnet18", "--latency", device)
    lines = result.out.splitlines()
    titles = ["network", "depth", "MACs", "relative", "latency", "at", "least", "at", "most"]
    assert lines[0].split() == titles
    assert lines[3].startswith("ResNet18") and lines[3].endswith(" ms")
    text = " ".join(result.out.split())
    assert "Latency: a forward pass of one image, predicted for" in text
    assert "the mean error is 10.0%, and 50% of them are within 10%" in text
    assert "CTC93" not in result.err


def test_predicted_times_of_layers_and_their_roofs(ctcdsl: Any, device: Path) -> None:
    result = ctcdsl("cost", "A", "--latency", device, "--layers")
    lines = result.out.splitlines()
    assert lines[1].split()[-1] == "roof"
    assert re.search(r"ms +arithmetic \d+%$", lines[3])
    report = json.loads(ctcdsl("cost", "A", "--latency", device, "--format", "json").out)
    (network,) = report["networks"]
    assert network["latency_low"] < network["latency"] < network["latency_high"]
    assert sum(layer["latency"] for layer in network["layers"]) == pytest.approx(network["latency"])
    assert report["metrics"]["latency"]["unit"] == "seconds"
    plain = json.loads(ctcdsl("cost", "A", "--format", "json").out)["networks"][0]
    assert "latency" not in plain


def test_a_roofline_is_drawn(ctcdsl: Any, device: Path, tmp_path: Path) -> None:
    picture = tmp_path / "roof.svg"
    result = ctcdsl("cost", "A", "E", "--latency", device, "--roofline", picture)
    assert f"roofline drawn in {picture}" in result.err
    assert picture.read_text(encoding="utf-8").startswith("<svg ")
    result = ctcdsl("cost", "A", "--roofline", picture)
    assert result.code == 2
    assert "--roofline needs the table of a device: --latency device.json" in result.err


def test_tables_of_something_else(ctcdsl: Any, device: Path, tmp_path: Path) -> None:
    result = ctcdsl("cost", "A", "--latency", device, "--batch", "8")
    assert result.code == 1
    assert "error[CTC732]: the latency table is of 1 image at a time, not of 8" in result.err
    result = ctcdsl("cost", "A", "--metrics", "latency")
    assert result.code == 1 and "error[CTC732]: the time of a network is predicted" in result.err
    result = ctcdsl("cost", "A", "--latency", tmp_path / "none.json")
    assert result.code == 1 and "error[CTC731]: cannot read the latency table" in result.err
    write_table(linear_table(processor="Cortex-A76"), device)
    result = ctcdsl("cost", "A", "--latency", device)
    assert result.code == 0 and "note[CTC934]" in result.err

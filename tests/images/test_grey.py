"""Networks of one channel: grey levels, their mean and axis, from any image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ctcdsl.images.colour import Statistics, channel_notes, colour_shift, grey, measure, preprocess
from ctcdsl.images.folders import ImageFolder
from ctcdsl.runs.checkpoint import load
from tests.support.tiny import Blots, decode_file, write_folder_atomic

SPEC = "net Grey\ninput 1x16x16\npad valid\n(3,8)/2 2/2 (3,16,p1)\nhead: gap fc\n"


def grey_folder(root: Path, each: int = 4) -> Path:
    for path in write_folder_atomic(root, each).rglob("*.jpg"):
        Image.open(path).convert("L").save(path.with_suffix(".png"))
        path.unlink()
    return root


def test_grey_levels_are_pillows() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    assert np.array_equal(grey(pixels)[..., 0], np.asarray(Image.fromarray(pixels).convert("L")))
    alike = np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=2)
    assert np.array_equal(grey(alike), alike[..., :1])
    statistics = Statistics((10.0,), (3.0,), ((1.0,),))
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    found = preprocess(batch, statistics, 2.0, torch.tensor([[4.0]]))
    assert found.shape == (1, 1, 7, 9)
    assert np.array_equal(found[0, 0].numpy(), (grey(pixels)[..., 0] - np.float32(6.0)) / 2)
    shift = colour_shift(torch.tensor([[2.0, 9.0, 9.0]]), statistics, 0.5)
    assert shift.tolist() == [[3.0]]


def test_mean_and_deviation_of_grey_levels(tmp_path: Path) -> None:
    images = ImageFolder.scan(grey_folder(tmp_path))
    found = measure(images, 100, shorter=16, channels=1)
    three = measure(images, 100, shorter=16)
    assert found.channels == 1 and found.axes == ((1.0,),)
    assert found.mean[0] == pytest.approx(three.mean[0])
    levels = [images.pixels(at)[..., 0].astype(float) for at in range(len(images))]
    assert found.mean[0] == pytest.approx(np.mean(levels))
    assert found.deviations[0] == pytest.approx(np.std(levels))


def test_the_note_is_about_what_differs(tmp_path: Path) -> None:
    grey_images = ImageFolder.scan(grey_folder(tmp_path))
    assert channel_notes(1, grey_images) == channel_notes(3, Blots()) == ()
    assert "converted to grey" in channel_notes(1, Blots())[0].message
    assert "the images are grey" in channel_notes(3, grey_images)[0].message


@pytest.mark.parametrize("coloured", [False, True])
def test_a_grey_network_is_trained_tested_and_drawn(
    ctcdsl: Any, tmp_path: Path, coloured: bool
) -> None:
    (tmp_path / "grey.ctc").write_text(SPEC, encoding="utf-8")
    for split in ("train", "test"):
        make = write_folder_atomic if coloured else grey_folder
        make(tmp_path / "data" / split, 4)
    options = ("--data", tmp_path / "data", "--device", "cpu")
    schedule = ("--recipe", "small", "--schedule", "1:0.01", "--batch", "8", "--run")
    result = ctcdsl("train", tmp_path / "grey.ctc", *options, *schedule, tmp_path / "run")
    assert result.code == 0, result.err
    assert result.err.count("CTC917") == coloured
    assert load(tmp_path / "run").statistics.channels == 1
    for views in ("1", "10", "dense"):
        pages = ("--picture", tmp_path / "a.png", "--report", tmp_path / "a.html")
        tested = ctcdsl(
            *("eval", tmp_path / "grey.ctc", tmp_path / "run", *options, *pages),
            *("--views", views, "--format", "json"),
        )
        assert tested.code == 0, tested.err
        assert json.loads(tested.out)["images"] == 12
    place = ("--run", tmp_path / "compared", "--seeds", "1")
    compared = ctcdsl("compare", tmp_path / "grey.ctc", *options, *schedule[:-1], *place)
    assert compared.code == 0, compared.err
    assert compared.err.count("CTC917") == coloured
    packed = tmp_path / "out.pack"
    assert ctcdsl("data", "pack", tmp_path / "data", packed, "--raw", "--shorter", "18").code == 0
    again = ctcdsl(
        *("train", tmp_path / "grey.ctc", "--data", packed, "--device", "cpu"),
        *(*schedule, tmp_path / "again"),
    )
    assert again.code == 0, again.err
    one, other = load(tmp_path / "run").model, load(tmp_path / "again").model
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_other_channels_are_refused(ctcdsl: Any, tmp_path: Path) -> None:
    (tmp_path / "four.ctc").write_text(SPEC.replace("1x16", "4x16"), encoding="utf-8")
    write_folder_atomic(tmp_path / "data" / "train", 2)
    write_folder_atomic(tmp_path / "data" / "test", 2)
    options = ("--data", tmp_path / "data", "--run", tmp_path / "run", "--device", "cpu")
    for command in ("train", "compare"):
        result = ctcdsl(command, tmp_path / "four.ctc", *options, "--recipe", "small")
        assert result.code == 1
        assert "CTC612" in result.err and "3x" in result.err, result.err


@pytest.mark.parametrize("name", ["deep.png", "deep.tif", "deep.pgm"])
def test_sixteen_bits_of_grey_are_scaled(tmp_path: Path, name: str) -> None:
    levels = np.array([[0, 0x4000], [0x8000, 0xFFFF]], dtype=np.uint16)
    if name == "deep.pgm":
        content = b"P5 2 2 65535\n" + levels.astype(">u2").tobytes()
        (tmp_path / name).write_bytes(content)
    else:
        Image.fromarray(levels).save(tmp_path / name)
    assert decode_file(tmp_path / name)[..., 0].tolist() == [[0, 64], [128, 255]]

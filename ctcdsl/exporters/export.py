"""Export: fold, trace, write, open again, compare; what does not agree is not kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.execution.events import Callback
from ctcdsl.execution.prepare import crop_of
from ctcdsl.exporters.base import Exporter, Program
from ctcdsl.exporters.deployed import Deployed, example_input, traced
from ctcdsl.exporters.description import Description
from ctcdsl.exporters.exported import open_exported
from ctcdsl.exporters.fold import folded
from ctcdsl.exporters.source import Source
from ctcdsl.exporters.verify import Agreement, centre_batches, compare, spread
from ctcdsl.ir.printer import unparse
from ctcdsl.recipe import Recipe
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural

TOLERANCE = 1e-3
"""How far logits of a float32 file may be from the module's, relative to the largest."""
CALIBRATION, _BATCH = 256, 16
_RANDOM = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file that was exported, and how it compares with its module."""

    name: str
    target: str
    files: tuple[Path, ...]
    """The file, and those that belong beside it."""
    agreement: Agreement
    notes: tuple[str, ...] = ()
    """What was folded and fused."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.files[0]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.stat().st_size for file in self.files)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "target": self.target,
            "files": [str(file) for file in self.files],
            "bytes": self.bytes,
            "notes": list(self.notes),
            "agreement": self.agreement.as_json(),
        }


def export_source(
    source: Source,
    exporter: Exporter,
    output: Path,
    *,
    max_drop: float,
    images: int,
    callback: Callback,
) -> Export:
    """Write `source` for the exporter's runtime, run the file, and keep it if it agrees.

    Args:
        source: What to export.
        exporter: How.
        output: The file; others may lie beside it under its stem.
        max_drop: The share of accuracy that a quantised file may lose.
        images: How many test images to compare on, at most, spread over the set.
        callback: Hears of progress, as in an evaluation.

    Raises:
        UserError: CTC605 `output` has another suffix than the exporter's; CTC762 the runtime
            lacks an operator; CTC763 no images to calibrate on; CTC764 int8 loses too much;
            CTC766 the file computes something else; CTC608 it cannot be written.
    """
    if output.suffix != exporter.suffix:
        hint = f"files of {exporter.name} end in {exporter.suffix}"
        raise error("CTC605", f"the file is named {output.name}", path=output, hint=hint)
    crop = crop_of(source.network)
    resize = source.preprocessing.resize if source.preprocessing else None
    recipe = Recipe(resize=resize)
    batches: tuple[Tensor, ...] = ()
    if exporter.quantises:
        training = spread(source.training_images(callback), CALIBRATION)
        batches = tuple(views for views, _ in centre_batches(training, recipe, crop, _BATCH))
    final = folded(source.network, source.tensors)
    module = _deployed(final.network, final.tensors, source)
    program = _program(module, final.network, source, exporter, batches)
    reference = _deployed(source.network, source.tensors, source)
    with TemporaryDirectory() as folder:
        scratch = Path(folder) / output.name
        try:
            exporter.write(program, scratch)
        except Exception as cause:  # each runtime's converter has errors of its own
            raise _unsupported(program.description, exporter, cause) from cause
        opened = open_exported(scratch, exporter=exporter)
        chosen = source.test_images(callback)
        pairs: Iterator[tuple[Tensor, Tensor | None]]
        if chosen is None:
            split, total = "random", _RANDOM
            example = example_input(source.network.input, source.preprocessing, total)
            pairs = ((part, None) for part in torch.split(example, _BATCH))
        else:
            tested = spread(chosen.images, images)
            split, total = chosen.split, len(tested)
            pairs = iter(centre_batches(tested, recipe, crop, _BATCH))
        progress = callback.on_validation
        agreement = compare(reference, opened.run, pairs, split, total, progress)
        _require_agreement(agreement, exporter, max_drop)
        written = sorted(Path(folder).iterdir(), key=lambda file: file.name == output.name)
        for file in written:  # the file itself last: it is there only with those beside it
            write_atomic(output.with_name(file.name), file.read_bytes())
    files = tuple(output.with_name(file.name) for file in reversed(written))
    return Export(
        name=source.network.name,
        target=exporter.name,
        files=files,
        agreement=agreement,
        notes=final.notes,
    )


def _deployed(network: Network, tensors: Mapping[str, Tensor], source: Source) -> Deployed:
    module = build_module(network)
    module.load_state_dict(tensors)
    return Deployed(module, source.preprocessing).eval()


def _program(
    module: nn.Module,
    network: Network,
    source: Source,
    exporter: Exporter,
    calibration: tuple[Tensor, ...],
) -> Program:
    channels, height, width = network.input
    description = Description(
        name=network.name,
        target=exporter.name,
        input=(channels, height, width),
        classes=source.classes,
        preprocessing=source.preprocessing,
        spec=unparse(network.architecture),
    )
    example = example_input(network.input, source.preprocessing, 2)
    try:
        exported = traced(module, example)
    except Exception as cause:  # torch's tracer has errors of its own
        raise _unsupported(description, exporter, cause) from cause
    return Program(
        module=module,
        exported=exported,
        example=example,
        description=description,
        calibration=calibration,
    )


def _unsupported(description: Description, exporter: Exporter, cause: Exception) -> UserError:
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return error(
        "CTC762",
        f"`{description.name}` cannot be written for {exporter.name}",
        notes=(f"{type(cause).__name__}: {lines[0] if lines else ''}"[:300],),
        hint="another target may have the operator: torch-export has all of PyTorch's",
    )


def _require_agreement(agreement: Agreement, exporter: Exporter, max_drop: float) -> None:
    images = plural(agreement.images, f"{agreement.split} image")
    if exporter.quantises:
        if agreement.drop > max_drop:
            accuracy = agreement.accuracy
            what = (
                f"the classes of {100 * agreement.drop:.2f}% of them change"
                if accuracy is None
                else f"accuracy falls from {100 * accuracy.module:.2f}%"
                f" to {100 * accuracy.exported:.2f}%"
            )
            raise error(
                "CTC764",
                f"in int8 too much is lost: on {images} {what}",
                notes=(f"allowed are {100 * max_drop:g} points",),
                hint="export in float32, or allow more with --max-drop",
            )
    elif not agreement.difference <= TOLERANCE:  # NaN is no agreement
        raise error(
            "CTC766",
            f"the file of {exporter.name} computes something else: on {images} its logits differ"
            f" by {agreement.difference:.2g} of the largest",
            notes=(f"torch {torch.__version__}; allowed is {TOLERANCE:g}",),
            hint="use another target, and report it: this is a bug of ctcdsl or of the runtime",
        )


def default_output(name: str, exporter: Exporter) -> Path:
    """Where a network goes that is given no file: NAME.SUFFIX in the current folder."""
    from ctcdsl.training.config import folder_name

    return Path(os.curdir) / f"{folder_name(name)}{exporter.suffix}"

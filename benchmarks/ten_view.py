"""The 10-view test of a network: views cut on the host, on the device, and with a shared prefix.

    python benchmarks/ten_view.py [--spec specs/J_prime.ctc] [--images 4] [--rounds 5]

Milliseconds an image of 256x256, from uint8 images in memory to probabilities, by the clock and of
the processors. The ways are run in turn, so that a busy machine slows all of them, and medians are
shown. All must give the same bits.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from torch import Tensor, nn

from ctcdsl.checking import Network, check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.evaluation.multi_crop import MultiCropEvaluator
from ctcdsl.evaluation.shared_layers import shared_prefix
from ctcdsl.evaluation.views import five_places, views
from ctcdsl.images.colour import Statistics, preprocess
from ctcdsl.text.files import read_source

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
INPUT = partial(preprocess, statistics=Statistics((120.0,) * 3, (1.0,) * 3, AXES), divisor=58.0)
Way = Callable[[list[Tensor]], Tensor]


def on_the_host(module: nn.Module, crop: tuple[int, int], images: list[Tensor]) -> Tensor:
    """As ctcdsl 0.1 did it, and most code does: ten views an image, all of them copied."""
    logits: Tensor = module(INPUT(torch.cat([views(image, crop) for image in images])))
    return logits.softmax(dim=1).view(len(images), 10, -1).mean(dim=1)


def ways(module: nn.Module, network: Network) -> dict[str, Way]:
    """Each way by its name."""
    input = network.input
    crop = (input.height, input.width)
    crops = partial(
        MultiCropEvaluator, model=module, crop=crop, places=five_places, mirrored=True, input=INPUT
    )
    plain, shared = crops(network=None), crops(network=network)
    return {
        "views cut on the host": partial(on_the_host, module, crop),
        "full images, `--prefix off`": plain.probabilities,
        "full images, shared prefix": shared.probabilities,
    }


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="10 views with and without a shared prefix.")
    parser.add_argument("--spec", default="specs/J_prime.ctc")
    parser.add_argument("--images", type=int, default=4, help="in a batch")
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    height, width = map(int, options.size.split("x"))
    (network,) = check_source(read_source(options.spec)).networks
    module = build_module(network).eval()
    module.initialise("he")  # type: ignore[operator]  # of every generated module
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (options.images, height, width, 3), dtype=np.uint8)
    images = [torch.from_numpy(each).permute(2, 0, 1) for each in pixels]
    _, high, wide = network.input
    prefix = shared_prefix(network, five_places(height, width, (high, wide)))
    print(
        f"{network.name}: {prefix.layers} layers shared in {len(prefix.regions)} region(s),"
        f" {prefix.work / max(1, prefix.unshared_work):.2f} of their work;"
        f" {torch.get_num_threads()} threads\n"
    )
    what = f"{options.images} images of {width}x{height}"
    print(f"| {what} | weights | ms an image | CPU ms | of the first |")
    print("|---|---|---:|---:|---:|")
    for layout, name in ((torch.contiguous_format, "NCHW"), (torch.channels_last, "channels last")):
        module.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stubs lack it
        measured = measure(ways(module, network), images, options.rounds)
        _, first = next(iter(measured.values()))
        for way, (ms, cpu) in measured.items():
            print(f"| {way} | {name} | {ms:.0f} | {cpu:.0f} | {cpu / first:.2f} |")


def measure(
    ways: dict[str, Way], images: list[Tensor], rounds: int
) -> dict[str, tuple[float, float]]:
    """Median milliseconds an image of each way, of the clock and of the processors.

    One round more is not counted.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    found: list[Tensor] = []
    with torch.inference_mode():
        for number in range(rounds + 1):
            for name, way in ways.items():
                start, cpu = perf_counter(), process_time()
                result = way(images)
                spent = (perf_counter() - start, process_time() - cpu)
                if number:
                    times[name].append(spent)
                else:
                    found.append(result)
    assert all(torch.equal(found[0], each) for each in found), "the bits differ"
    scale = 1e3 / len(images)
    return {
        name: (scale * median(clock for clock, _ in each), scale * median(cpu for _, cpu in each))
        for name, each in times.items()
    }


if __name__ == "__main__":
    main()

"""The networks that tables of latencies are tested on, and never fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

import torch

from ctcdsl.checking import Network
from ctcdsl.loading import built_in_specs, check_spec
from ctcdsl.metrics.latency import predict
from ctcdsl.metrics.latency_table import HeldOut, LatencyTable
from ctcdsl.timing.clock import Clock
from ctcdsl.timing.tasks import Execution, prepare

NAMES = (
    *("B", "J_prime", "I", "alexnet_owt", "alexnet_ungrouped", "cnn_s", "sppnet_o5", "googlenet"),
    *("googlenet_bn", "vgg11", "densenet169", "efficientnet_b1", "efficientnet_b3"),
    *("mnasnet0_75", "mnasnet1_0", "mobilenet_v3_small", "regnet_x_400mf", "regnet_x_1_6gf"),
    *("regnet_y_800mf", "regnet_y_3_2gf", "resnet34", "resnext50_32x4d"),
    *("shufflenet_v2_x1_0", "shufflenet_v2_x2_0", "squeezenet1_1", "convnextv2_nano"),
    *("efficientnet_es", "gernet_m", "mambaout_femto", "mobilenetv1_100"),
    *("mobilenetv4_conv_medium", "mobileone_s0", "poolformer_s12", "repvgg_a1"),
    *("resnet50d", "selecsls42b", "semnasnet_100", "seresnext50_32x4d"),
    *("resnetv2_50d_gn", "resnet110"),
)
"""Forty, of every family, from 0.1 to 11 billion multiply-accumulates."""
_RUNS = 5


def held_out_networks(names: Sequence[str] = NAMES) -> list[Network]:
    """The networks of some names, as the package has them: no file of the current folder."""
    built_in = {spec.name: spec for spec in built_in_specs()}
    return [check_spec(built_in[name].read()).networks[0] for name in names]


def time_held_out(
    networks: Sequence[Network], batch: int, clock: Clock, progress: Callable[[str], None]
) -> list[float]:
    """The seconds of a forward pass of each network: the median of some."""
    execution = Execution(torch.device("cpu"), "float32", "off")
    times: list[float] = []
    for number, network in enumerate(networks):
        progress(f"held-out networks: {number} of {len(networks)}")
        run = prepare("forward", network, batch, execution).run
        run()
        times.append(median(clock.time(run)[0] for _ in range(_RUNS)))
    return times


def compare(
    networks: Sequence[Network], times: Sequence[float], table: LatencyTable
) -> tuple[HeldOut, ...]:
    """Measured and predicted times side by side."""
    return tuple(
        HeldOut(network.name, seconds, predict(network, table).seconds)
        for network, seconds in zip(networks, times, strict=True)
    )

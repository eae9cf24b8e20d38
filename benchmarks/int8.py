"""Accuracy of exported files on real images: `python benchmarks/int8.py FOLDER`.

FOLDER has `train/CLASS` and `test/CLASS`, such as CIFAR-10's images. Small networks of three kinds
are trained on a part of them and exported for every target; all are tested by the centre view.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from fine_tuning import subset

import ctcdsl
from ctcdsl.exporters.registry import find_exporter, registered

SPECS = {
    "residual": """net Residual
input 3x24x24
style conv-bn-relu
conv1:   (3,16)
conv2_x: [ (3,16) (3,16) ]
conv3_x: [ (3,32)/2 (3,32) ]
conv4_x: [ (3,64)/2 (3,64) ]
head:    gap fc
""",
    "depthwise": """net Depthwise
input 3x24x24
style conv-bn-relu6
conv1:  (3,16)
stage1: (3,dw) (1,24,linear)
stage2: (1,96) (3,dw)/2 (1,32,linear)
stage3: [ (1,128) (3,dw) (1,32,linear) | id ]
stage4: (1,128) (3,dw)/2 (1,64,linear) (1,128)
head:   gap fc
""",
    "silu, gates": """net Silu
input 3x24x24
style conv-bn-silu
conv1:  (3,16)
stage1: (3,dw) se(4) (1,24,linear)
stage2: (1,96) (3,dw)/2 se(4) (1,32,linear)
stage3: (1,128) (3,dw) se(4) (1,32,linear)
stage4: (1,128) (3,dw)/2 se(4) (1,64,linear) (1,128)
head:   gap fc
""",
}


def main(source: Path, work: Path, images: int, test: int) -> None:
    classes = sorted(entry.name for entry in (source / "train").iterdir())
    data = subset(source, work / "data", classes, images, test)
    print("| network | target | largest difference | same class | accuracy, % | lost | KB |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for title, text in SPECS.items():
        run = ctcdsl.train(
            ctcdsl.loads(text),
            data,
            run=work / title,
            recipe="small",
            batch=64,
            schedule="4:0.05,2:0.005",
        )
        for target in registered():
            file = work / f"{target}{find_exporter(target).suffix}"
            done = ctcdsl.export(run, target, file, max_drop=1.0, images=len(classes) * test)
            agreement = done.agreement
            assert agreement.accuracy is not None
            print(
                f"| {title} | {target} | {agreement.difference:.1e} | {100 * agreement.top1:.2f} %"
                f" | {100 * agreement.accuracy.exported:.2f}"
                f" | {100 * agreement.accuracy.drop:.2f} | {done.bytes / 1e3:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1500, help="a class, for training")
    parser.add_argument("--test", type=int, default=200, help="a class")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        main(Path(os.path.abspath(given.folder)), Path(folder), given.images, given.test)

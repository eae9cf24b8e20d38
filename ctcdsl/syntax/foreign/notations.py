"""How papers write layers, in one table: whose it is, an example, the row for it, a pattern.

To teach a notation, add an entry (`patterns.py` explains the patterns); a test reads its example
and checks the row. Of the patterns that match at a place the longest match is taken.
"""

from __future__ import annotations

from ctcdsl.syntax.foreign import readings
from ctcdsl.syntax.foreign.patterns import SIZE, Notation, compiled
from ctcdsl.syntax.foreign.readings import Meaning, layer
from ctcdsl.syntax.foreign.rows import Context
from ctcdsl.syntax.foreign.shorthands import SHORTHANDS
from ctcdsl.text.fixes import leave_out

_SAME = {"p": "same"}
_LOSS = leave_out("the loss and `ctcdsl eval` apply it to the classifier's outputs")


PAPERS = (
    # He et al. 2016, Table 1 and Figure 3, and its successors' tables.
    Notation("ResNet's", "7x7, 64, stride 2", "(7,64,p3)/2", "$k , $n$s$x", layer("conv"), _SAME),
    Notation(
        "ResNet's",
        "7x7 conv, 64, /2",
        "(7,64,p3)/2",
        r"$k[ -]*$conv[ ,]*$n(?:[ ]+(?:filters|kernels|channels|relu))?$s$x",
        layer("conv"),
        _SAME,
    ),
    Notation(
        "ResNet's",
        "3x3 max pool, stride 2",
        "max(3,p1)/2",
        "$k[ -]*$pool$s$map",
        layer("pool"),
        _SAME,
    ),
    Notation(
        "ResNet's",
        "[3x3, 64; 3x3, 64] x 2",
        "[ (3,64) (3,64) ]x2",
        rf"\[ (?P<body>{SIZE} ,[^\[\](){{}}|]{{0,200}}) \](?: [x×*] (?P<x>\d+))?",
        readings.block,
        _SAME,
    ),
    Notation(
        "ResNet's",
        "average pool, 1000-d fc, softmax",
        "gap fc",
        "(?:global )?$pool[ ,]+$n -? d?[ -]*$full(?:[ ,]*$softmax)?",
        readings.classifier,
    ),
    Notation(
        "ResNet's",
        "1000-d fc",
        "fc",
        "$n[ -]*(?:d|dimensional|way)?[ -]*$full(?:[ ,]*$softmax)?",
        layer("fc"),
    ),
    # Huang et al. 2017, Table 1.
    Notation(
        "DenseNet's",
        "7x7 conv, stride 2",
        "(7,64,p3)/2",
        "$k[ -]*$conv$s",
        readings.without_filters,
        _SAME,
    ),
    Notation(
        "DenseNet's",
        "[1x1 conv; 3x3 conv] x 6",
        "{ id | (1,128) (3,32) }x6",
        r"\[ 1 [x×] 1 conv[ ;,\\\n]*3 [x×] 3 conv \](?: [x×*] (?P<x>\d+))?",
        readings.dense_block,
    ),
    Notation(
        "DenseNet's",
        "7x7 global average pool",
        "gap",
        rf"(?:{SIZE}[ -]*)?global[ -]+(?:average|avg|averaging)[ -]*(?:pool(?:ing)?)?"
        rf"(?: over {SIZE}(?: spatial dimensions)?)?",
        layer("gap"),
    ),
    # Simonyan & Zisserman 2015, Table 1.
    Notation(
        "VGG's",
        "conv3-64 x2",
        "(3,64)x2",
        r"conv(?P<k>\d+(?:x\d+)?) [-–−] $n$x",
        layer("conv"),
        _SAME,
    ),
    Notation("VGG's", "FC-4096", "fc(4096)", r"$full(?: [-–−:] |[ ]+|(?=\d\d))$n$x", layer("fc")),
    Notation("VGG's", "soft-max", "", "soft[- ]max", readings.left_out(_LOSS)),
    Notation(
        "VGG's",
        "input (224x224 RGB image)",
        "input 3x224x224",
        rf"input[ (]*(?P<k>{SIZE}) (?:(?:rgb|colou?r) (?:images?)?|images?) \)?",
        readings.image,
    ),
    # Krizhevsky et al. 2012, as lecture notes list it.
    Notation(
        "AlexNet's",
        "conv 11x11 s4 96",
        "(11,96)/4",
        "$conv $k$s[ ,]+$n$p",
        layer("conv"),
    ),
    Notation(
        "AlexNet's",
        "[55x55x96] CONV1: 96 11x11 filters at stride 4, pad 2",
        "(11,96,p2)/4",
        rf"(?:\[ {SIZE} [x×] \d+ \] conv\d* :? )?(?P<n>\d\d+) (?:$conv )?(?:filters|kernels)?"
        r"(?: of)?(?: size)? $k(?: [x×] \d+)?(?: filters| kernels| $conv)?$s$p",
        layer("conv"),
    ),
    Notation(
        "AlexNet's",
        "MAX POOL1: 3x3 filters at stride 2",
        "3/2",
        rf"(?:\[ {SIZE} [x×] \d+ \] )?$pool :? $k filters$s$p",
        layer("pool"),
    ),
    Notation(
        "AlexNet's",
        "[227x227x3] INPUT",
        "input 3x227x227",
        rf"\[ (?P<k>{SIZE} [x×] \d+) \] (?:input|image)",
        readings.image,
    ),
    # Szegedy et al. 2015, Table 1; Redmon & Farhadi 2018, Table 1.
    Notation(
        "GoogLeNet's",
        "convolution 7x7/2 112x112x64",
        "(7,64,p3)/2",
        rf"$conv $k$s[ |]+{SIZE} [x×] $n(?:[ |]+\d+)*",
        layer("conv"),
        _SAME,
    ),
    Notation(
        "GoogLeNet's",
        "convolution 7x7/2",
        "(7,64,p3)/2",
        "$conv $k$s",
        readings.without_filters,
        _SAME,
    ),
    Notation(
        "GoogLeNet's", "max pool 3x3/2", "max(3,p1)/2", "$pool[ ,]*$k$s$map", layer("pool"), _SAME
    ),
    Notation(
        "ResNet's",
        "pool, /2",
        "max(3,p1)/2",
        r"(?:$pool|pool)[ ,]+/ (?P<s>\d)",
        layer("pool"),
        {"k": "3", **_SAME},
    ),
    Notation(
        "Darknet's",
        "Convolutional 64 3x3/2 128x128",
        "(3,64)/2",
        "$conv[ ,:]+$n[ ,]+$k$s$p$map",
        layer("conv"),
        _SAME,
    ),
    # Howard et al. 2017, Table 1; Tan & Le 2019, Table 1.
    Notation(
        "MobileNet's",
        "Conv / s2 3x3x3x32",
        "(3,32)/2",
        r"$conv / s (?P<s>\d)[ |]+$k [x×] \d+ [x×] $n$map",
        layer("conv"),
        _SAME,
    ),
    Notation(
        "MobileNet's",
        "Conv dw / s1 3x3x32 dw",
        "(3,dw)",
        r"$conv dw / s (?P<s>\d)[ |]+$k(?: [x×] \d+)?(?: dw)?$map",
        layer("dw"),
        _SAME,
    ),
    Notation(
        "MobileNet's",
        "Conv dw / s1",
        "(3,dw)",
        r"$conv dw / s (?P<s>\d)",
        layer("dw"),
        {"k": "3", **_SAME},
    ),
    Notation(
        "MobileNet's",
        "Conv / s1",
        "(3,64)",
        r"$conv / s (?P<s>\d)",
        readings.without_filters,
        _SAME,
    ),
    Notation(
        "MobileNet's",
        "Avg Pool / s1 Pool 7x7",
        "gap",
        rf"$pool / s 1[ |]+pool {SIZE}$map",
        layer("gap"),
    ),
    Notation(
        "MobileNet's", "FC / s1 1024x1000", "fc", r"$full / s 1[ |]+\d+ [x×] $n$map", layer("fc")
    ),
    Notation(
        "MobileNet's",
        "Softmax / s1 Classifier",
        "",
        "$softmax / s 1(?:[ |]+classifier$map)?",
        readings.left_out(_LOSS),
    ),
    Notation(
        "EfficientNet's",
        "MBConv6, k3x3",
        "",
        rf"MBConv\d*(?:[ ,]+k? {SIZE})?",
        readings.left_out(
            "`def mb(t,n) = [ (1,t*c) (3,dw) se(c/4) (1,n,linear) | id? ]` names such a block,"
            " and `mb(6,24)x2/2` uses it"
        ),
    ),
)


NOTATIONS = (*PAPERS, *SHORTHANDS)


def notation_at(text: str, start: int, context: Context) -> tuple[int, str, Meaning] | None:
    """The longest notation that begins at an offset: its end, whose it is, what it means."""
    matches = [
        (match, form)
        for form in NOTATIONS
        if (match := compiled(form.pattern).match(text, start)) is not None
    ]
    if not matches:
        return None
    match, form = max(matches, key=lambda pair: pair[0].end())
    return match.end(), form.whose, form.read(match, context, form.implied)

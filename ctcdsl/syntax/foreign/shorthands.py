"""Layers in a line: chains, what people type for short, headers, lines of Python and LaTeX."""

from __future__ import annotations

from ctcdsl.syntax.foreign import readings
from ctcdsl.syntax.foreign.patterns import SIZE, Notation
from ctcdsl.syntax.foreign.readings import layer
from ctcdsl.text.fixes import leave_out

_SAME = {"p": "same"}
_NO_PADDING = {"p": "valid"}

SHORTHANDS = (
    # Ciresan et al. 2012; Isola et al. 2017, Appendix; LeCun et al. 1998, Figure 2.
    Notation(
        "Ciresan's",
        "1x28x28-32C3-MP2-10N",
        "(3,32,p0) 2/2 fc",
        r"(?:\d+x\d+x\d+[-–−])?\(?(?:\d+x)?(?:\d+C\d+|[MA]P\d+|\d+N)\)?(?:[-–−]\(?(?:\d+x)?"
        r"(?:\d+(?:C\d+|FC|N|F|SVM|Softmax)?|(?:[MA]?P|S)\d+)\)?)*",
        readings.chain,
        _NO_PADDING,
    ),
    Notation(
        "CycleGAN's", "c7s1-64", "(7,64,p3)", r"c(?P<k>\d)s(?P<s>\d)-$n", layer("conv"), _SAME
    ),
    Notation("pix2pix's", "C64", "(3,64)", r"C(?P<n>\d\d+)(?!-)", readings.without_filters),
    Notation("LeNet's", "64@7x7/2", "(7,64)/2", rf"$n @ (?P<k>{SIZE})$s", readings.filters_or_map),
    Notation(
        "another", "conv5x5(64)", "(5,64)", r"$conv[ _]*$k(?: \( |[ x_])$n(?: \))?$s", layer("conv")
    ),
    Notation(
        "another",
        "(3x3,64)s2",
        "(3,64)/2",
        r"\( (?P<conv>[^()\n]*) \)[ ,]*(?:stride[ =]*|s)(?P<s>\d+)",
        readings.strided,
    ),
    Notation("another", "conv 64", "(3,64)", r"$conv[ ]+(?P<n>\d\d+)", readings.without_size),
    Notation("another", "maxpool 2", "2/2", r"$pool[ ]+(?P<k>\d)", layer("pool")),
    Notation(
        "another",
        "input_size = 224",
        "input 3x224x224",
        r"(?:input|image)(?:_?(?:size|shape))? = [(\[]? (?P<k>\d+(?: [,x×] \d+)*) [)\]]?",
        readings.image,
    ),
    Notation(
        "another",
        "input (3, 224, 224)",
        "input 3x224x224",
        r"input :? [(\[]? (?P<k>\d+ , \d+ , \d+) [)\]]?",
        readings.image,
    ),
    Notation(
        "another", "num_classes = 10", "classes 10", r"(?:num_?)?classes = $n", readings.classes
    ),
    Notation(
        "GoogLeNet's",
        "dropout (40%)",
        "drop(0.4)",
        r"dropout [=:(]? (?P<a>0?\.\d+|\d\d?%) \)?",
        readings.dropout,
    ),
    Notation(
        "SRGAN's",
        "k3n64s2",
        "(3,64)/2",
        r"k =? (?P<k>\d+)[ ,]*n =? $n(?:[ ,]*s =? (?P<s>\d+))?",
        layer("conv"),
        _SAME,
    ),
    Notation(
        "torchvision's",
        "[64, 64, 'M', 128]",
        "(3,64)x2 2/2 (3,128)",
        r"(?=\[?[\d ,'\"M]{0,99}M)\[?(?: (?:\d+|['\"]?M['\"]?)[ ,]+)+(?:\d+|['\"]?M['\"]?) \]?",
        readings.widths,
    ),
    Notation(
        "another",
        "Conv-BN-ReLU(64, 3x3)",
        "",
        rf"conv(?: {SIZE})?[-–+]bn(?:[-–+]\w+)?(?: \([^()\n]*\)|[ ,]+\d+)",
        readings.left_out("`style conv-bn-relu` above the layers, and `(3,64)` for each of them"),
    ),
    Notation(
        "Python's",
        "class Net(nn.Module):",
        "",
        r"(?:import|from|return|super\(|class \w+ \(|def \w+\(self)[^\n]*",
        readings.left_out(leave_out("a spec is the layers alone, in their order")),
    ),
    Notation(
        "LaTeX's",
        r"\begin{bmatrix}3\times3, 64\\3\times3, 64\end{bmatrix}\times2",
        "[ (3,64) (3,64) ]x2",
        r"(?:\\left\[ )?\\begin\{\w+\}(?:\{\w\})?(?P<body>[^\n]{0,300}?)\\end\{\w+\}"
        r"(?: \\right\])?(?: (?:\\times|[x×]) (?P<x>\d+))?",
        readings.block,
        _SAME,
    ),
)

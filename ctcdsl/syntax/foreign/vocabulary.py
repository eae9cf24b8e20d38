"""Words of other tools and papers: what people type, and what the language has for it.

Every message about an unknown word looks here before it compares letters: `selu` is another
function than `relu`, however near. To teach a word, add it to a line below, in small letters and
without `_` or a final `2d`: `MaxPool2d` and `max_pool` are both `maxpool`.
"""

from __future__ import annotations

from types import MappingProxyType

from ctcdsl.syntax.words import KEYWORDS, words
from ctcdsl.text.fixes import leave_out

_WRITE = {
    # Pools.
    "2/2": "maxpool maxpooling mp pool pooling maxpoollayer subsample downsample",
    "avg(2)/2": "avgpool averagepool averagepooling avgpooling ap meanpool",
    "gap": "globalavgpool globalaveragepool globalaveragepooling globalavgpooling globalpool"
    " globalpooling adaptiveavgpool adaptiveaveragepool gavgpool avgpoolglobal globalmean"
    " reducemean mean globalmeanpool",
    "gmp": "globalmaxpool globalmaxpooling adaptivemaxpool gmaxpool reducemax",
    "spp(6,3,2,1)": "spatialpyramidpool spatialpyramidpooling spatialpyramid pyramidpool",
    # Layers with weights.
    "fc(4096)": "dense linear fullyconnected innerproduct affine lin denselayer hidden ip gemm",
    "(3,64)": "conv convolution convolutional convlayer conv1x1 conv3x3 conv5x5 conv7x7 cnn",
    "mul[ (3,64) | (3,64,sigmoid) ]": "multiply gate scaleby prod product hadamard",
    "split{ id | (3,c) }": "chunk slice channelsplit shufflenetunit",
    "eca(3)": "ecalayer ecamodule efficientchannelattention",
    "ese": "effectivese effectivesqueezeexcite effectivesemodule esemodule",
    "depth(0.2)": "droppath stochasticdepth droppathlayer sd",
    "(2,64,up2)": "deconv deconvolution convtranspose transposedconv convtransposed transposeconv"
    " conv2dtranspose convolutiontranspose upconv tconv",
    "(3,64,ws)": "stdconv stdconv2dsame wsconv convws standardizedconv standardisedconv",
    "(3,dw)": "depthwise dwconv depthwiseconv convdw depthwiseconvolution dconv depthwiseseparable"
    " separableconv sepconv separable",
    "se(16)": "selayer seblock squeezeexcite squeezeexcitation squeezeandexcitation semodule senet",
    "scale": "layerscale gamma affinescale",
    # Norms.
    "bn": "batchnorm batchnormalization batchnormalisation syncbn syncbatchnorm frozenbn"
    " batchnormlayer bnorm spatialbatchnorm batch",
    "ln": "layernorm layernormalization layernormalisation layernormchannelsfirst lnorm",
    "gn": "groupnorm groupnormalization groupnormalisation gnorm",
    "lrn(5)": "localresponsenorm localresponsenormalization localresponsenormalisation"
    " responsenorm crossmaplrn",
    "grn": "globalresponsenorm globalresponsenormalization globalresponsenormalisation",
    # Activations by another name: the same function.
    "relu": "rectifier rectified rectifiedlinear rectifiedlinearunit rectlin ramp",
    "relu6": "clippedrelu",
    "silu": "swish swish1 sigmoidlinearunit",
    "hswish": "hardswish hardsilu hsilu",
    "sigmoid": "logistic sigm expit",
    "tanh": "hyperbolictangent tanhact",
    "leaky": "leakyrelu lrelu leakyrectify leakyrelu001",
    "gelu": "gaussianerrorlinearunit",
    "hsigmoid": "hardsigmoid hsig",
    "elu": "exponentiallinearunit",
    "prelu": "parametricrelu",
    # Tags.
    "nobias": "biasfree withoutbias unbiased nb",
    "bias": "withbias biased usebias",
    "ws": "weightstandardization weightstandardisation weightstandardized weightstandardised"
    " standardized standardised weightstd",
    "linear": "noactivation noact nonact nononlinearity",
    # Others.
    "drop(0.5)": "dropout dropoutlayer spatialdropout alphadropout",
    "up(2)": "upsample upsampling interpolate resize upsamplenearest upsamplingnearest",
    "up(2,bilinear)": "bilinear upsamplebilinear upsamplingbilinear",
    "shuffle(3)": "channelshuffle shufflechannel shufflechannels",
    "id": "identity noop nop skipconnect passthrough",
    "[ (3,64) (3,64) ]": "residual skip shortcut resblock residualblock add resunit bottleneck"
    " basicblock sum plus eltwise",
    "{ (1,64) | (3,64) }": "concat concatenate cat filterconcat depthconcat inception branch merge",
    "(3,64)x4": "repeat times sequential loop",
}
"""What to write, and the words for it."""

_LEFT_OUT = {
    "a network's name goes above its layers, `net ResNet50`; `ctcdsl specs` lists"
    " built-in ones": "resnet resnet18 resnet34 resnet50 resnet101 resnet152 resnext resnext50 vgg"
    " vgg11 vgg13 vgg16 vgg19 alexnet lenet lenet5 googlenet squeezenet densenet densenet121"
    " mobilenet mobilenetv2 efficientnet efficientnetb0 shufflenet convnext",
    "fc and the pools of the head take the map as it is": "flatten view reshape squeeze unroll"
    " tovector ravel permute",
    "the loss and `ctcdsl eval` apply it to the classifier's outputs": "softmax logsoftmax"
    " softmaxwithloss softmaxloss crossentropy crossentropyloss loss nllloss",
}
"""Why to leave it out, and the words for it."""

OTHERWISE = {
    "a gated convolution is a product: `mul[ (3,64,linear) | (3,64,sigmoid) ]`": "glu"
    " gatedlinearunit gatedconv gatedconvolution",
    "it is a product: `mul[ (1,64,linear) | (1,64,silu) ]`": "swiglu",
    "it is a product: `mul[ (1,64,linear) | (1,64,gelu) ]`": "geglu",
    "it is a product: `mul[ (1,64,linear) | (1,64,relu) ]`": "reglu",
    "it is a maximum of convolutions: `max[ (3,64,linear) | (3,64,linear) ]`": "maxout mfm",
    "each of its levels is a branch: `{ id | 2/2 (3,128)x2 up(2) }`": "unet decoder encoderdecoder",
}
"""How it is said, where no word says it, and the words for it."""

_NO_ACTIVATION = {
    "SELU": "selu",
    "CELU": "celu",
    "RReLU": "rrelu",
    "CReLU": "crelu concatrelu",
    "SReLU": "srelu",
    "FReLU": "frelu funnelrelu",
    "DReLU": "drelu dyrelu dynamicrelu",
    "another ReLU": "relu1 relu2 relu20 relun brelu trelu"
    " erelu krelu mrelu nrelu xrelu squaredrelu thresholdedrelu threshold shiftedrelu",
    "hard Mish": "hardmish hmish",
    "the hard tanh": "hardtanh htanh clip clamp clippedlinear",
    "softsign": "softsign",
    "softmin": "softmin softmax2d",
    "shrinkage": "softshrink hardshrink tanhshrink",
    "log-sigmoid": "logsigmoid",
    "quick GELU": "quickgelu fastgelu newgelu",
    "StarReLU": "starrelu star",
    "TanhExp": "tanhexp",
    "Snake": "snake",
    "ACON": "acon aconc metaacon",
    "this function": "sin cos sine exp log sqrt square abs erf arctan atan lisht gish phish"
    " serf softclip telu logish smish hardelu eswish pow power neg sign heaviside step",
}
"""Activations that the language does not have yet, and the words for them."""

_NOT_YET = {
    # Norms and regularisation.
    "instance norm": "instancenorm in instancenormalization adain",
    "RMS norm": "rmsnorm rms",
    "another norm": "frn filterresponsenorm weightnorm spectralnorm"
    " evonorm l2norm brn batchrenorm norm normalize normalise",
    "DropBlock": "dropblock dropconnect",
    # Layers.
    "this kind of upsampling": "unpool maxunpool pixelshuffle subpixel depthtospace unshuffle"
    " pixelunshuffle spacetodepth spd fpn",
    "attention": "attention selfattention mha mhsa multihead multiheadattention transformer"
    " transformerblock vit embedding embed posembed qkv swin nonlocal window",
    "this attention over channels": "cbam scse sk skconv srm gct gc gcblock"
    " coordattention simam bam ge",
    "recurrence": "lstm gru rnn convlstm",
    "this pool": "gem gempool lppool lpp stochasticpool fractionalmaxpool minpool sumpool gsp"
    " softpool blurpool maxblurpool antialias sppf aspp psp ppm roipool roialign fractionalpool",
    "this convolution": "deformconv dcn deformableconv partialconv maskedconv involution"
    " octconv dynamicconv condconv coordconv locallyconnected localconv conv1d conv3d conv4d"
    " ghost ghostmodule fractionallystrided kan kanconv winograd fft",
    "cropping": "crop centercrop cropping",
    "detection": "yolo detect anchor nms",
    "padding as a layer": "zeropadding reflectionpad replicationpad reflectpad constantpad"
    " padlayer",
    "reductions": "argmax softargmax min argmin topk",
    "quantisation": "quant quantize quantise quantstub dequant fakequant binarize",
}
"""What the language does not have yet, and the words for it."""

_HEADERS = {
    "input": "image img inputsize imagesize resolution inputshape shape size inputlayer data",
    "classes": "numclasses nclasses labels outputs numlabels ncls classcount",
    "net": "network model name title arch architecture graph",
    "pad": "padding pads padmode",
    "style": "activation act norm nonlinearity",
    "maps": "featuremaps mapsizes featuremap",
    "recompute": "checkpoint gradcheckpoint gradientcheckpointing activationcheckpointing remat"
    " rematerialize checkpointing",
    "let": "var const set param parameter val",
    "def": "define func function fn module class macro",
}
"""Headers, and the words for them."""

_LETTERS = {
    "p": "p pp pad pads padding pd",
    "g": "g gg group groups grp card cardinality",
    "d": "d dd dil dilation dilate dilated rate atrous",
    "/": "s ss str stride strides st",
    "(": "k kk kernel kernelsize ks size filtersize f n filters channels features out outchannels"
    " width units ch num numoutput",
}
"""What an amount is written by, and the names for it: `pad1`, `padding=1`, `stride=2`."""


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word: meant for meant, listed in table.items() for word in listed.split()}


HEADERS = MappingProxyType(_by_word(_HEADERS))
MEANT = MappingProxyType(_by_word(_WRITE))
REASONS = MappingProxyType(
    {word: leave_out(why) for word, why in _by_word(_LEFT_OUT).items()}
    | _by_word(OTHERWISE)
    | {word: f"{what} is not in the language yet" for word, what in _by_word(_NOT_YET).items()}
    | {
        word: f"{what} is not in the language yet; its activations are "
        + ", ".join(words("activation"))
        for word, what in _by_word(_NO_ACTIVATION).items()
    }
    | {
        word: f"a line above the layers says it: `{KEYWORDS[header].example}`"
        for word, header in HEADERS.items()
    }
)
AMOUNTS = MappingProxyType(_by_word(_LETTERS))


def plain(word: str) -> str:
    """A word as the tables spell it."""
    return word.lower().replace("_", "").removesuffix("2d")

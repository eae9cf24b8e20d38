"""Every diagnostic code and what it is about: one line here, a page under `explain/`."""

from __future__ import annotations

from types import MappingProxyType

CODES = MappingProxyType(
    {
        # 0xx: text and syntax
        "CTC001": "a character without a meaning",
        "CTC002": "something stands where it cannot",
        "CTC003": "brackets that do not match",
        "CTC004": "brackets nested too deep",
        "CTC005": "a spec that cannot be read",
        "CTC006": "nothing to read",
        "CTC007": "a spec that is not UTF-8",
        # 1xx: names and numbers
        "CTC101": "an unknown word",
        "CTC102": "missing or superfluous arguments",
        "CTC103": "a convolution that is not (k,n)",
        "CTC104": "an unknown tag",
        "CTC105": "a name given twice",
        "CTC106": "a header given twice",
        "CTC107": "a size of the wrong form",
        "CTC108": "a number out of range",
        "CTC109": "a padding as large as its window",
        "CTC110": "a stage name that PyTorch has taken",
        "CTC111": "no network of that name",
        "CTC112": "a name without a value",
        "CTC113": "`c` where no channels enter",
        "CTC114": "a name that is taken by the language",
        "CTC115": "a definition by itself",
        # 2xx: geometry
        "CTC201": "a window larger than its map",
        "CTC202": "a pyramid level larger than its map",
        "CTC203": "maps that miss what `maps` says",
        "CTC204": "a filter size without a padding rule",
        "CTC205": "`maps` over blocks",
        "CTC206": "branches of different shapes",
        "CTC207": "groups that do not divide the channels",
        "CTC208": "a shortcut that cannot be made",
        # 3xx: structure
        "CTC301": "a layer in the wrong half of the network",
        "CTC302": "a stride without a layer to carry it",
        "CTC303": "a network without a convolution",
        "CTC304": "a table of the wrong form",
        "CTC305": "a header below the layers",
        "CTC306": "a table beside a network",
        "CTC307": "an optional branch where none can be left out",
        "CTC308": "branches that end in different activations",
        # 4xx: rewrites
        "CTC401": "an unknown pass",
        "CTC402": "an option of a pass that is wrong",
        "CTC403": "a stage that is not there",
        "CTC404": "a layer that a pass does not understand",
        "CTC405": "a rewrite with nothing to rewrite",
        "CTC406": "a width that no complexity allows",
        "CTC410": "a promise that a pass broke",
        "CTC411": "a network that a pass left wrong",
        "CTC412": "something frozen that a pass changed",
        "CTC413": "a complexity outside of the interval",
        # 5xx: plug-ins
        "CTC501": "the language server without its packages",
        "CTC502": "two passes of one name",
        "CTC503": "a pass that cannot be loaded",
        "CTC504": "a pass that fails",
        # 6xx: data, training, files
        "CTC601": "a data directory that is none",
        "CTC602": "a class without images",
        "CTC603": "an image that cannot be decoded",
        "CTC604": "data without permission",
        "CTC605": "a recipe that makes no sense",
        "CTC606": "a checkpoint of another spec",
        "CTC607": "a checkpoint of other classes",
        "CTC608": "a result that cannot be written",
        "CTC609": "a loss that is not finite",
        "CTC610": "a checkpoint that cannot be read",
        "CTC611": "training and test sets of different classes",
        "CTC612": "a network that does not fit the data",
        "CTC613": "a run resumed with another recipe",
        "CTC614": "a folder that holds a run",
        "CTC615": "training without its packages",
        "CTC616": "a GPU that is not there",
        # 9xx: notes
        "CTC901": "the paper's head, taken because none is named",
        "CTC902": "a padding changed so that `maps` holds",
        "CTC903": "`maps` not checked at another input",
        "CTC904": "a definition that nothing uses",
    }
)

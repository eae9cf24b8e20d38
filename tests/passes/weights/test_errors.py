"""What function-preserving passes refuse: codes, and the places they point at."""

from __future__ import annotations

import pytest

from ctcdsl.text import UserError
from tests.conftest import one
from tests.support.carrying import small
from tests.support.rewriting import after


@pytest.mark.parametrize(
    ("spec", "applied", "code", "place"),
    [
        (small("(3,8)"), "fold-bn", "CTC405", None),
        (small("(3,8,bare)", style="conv-bn-relu"), "fold-bn", "CTC405", None),
        (small("(3,8)", style="bn-relu-conv"), "fold-bn", "CTC405", None),
        (small("(3,8) bn", style="conv-ln-relu"), "fold-bn", "CTC405", None),
        (small("(3,8) { (3,8) | (1,8) }"), "repvgg-fuse", "CTC405", None),
        (small("(3,8) [ (3,8) (3,8) | (1,8) ]"), "repvgg-fuse", "CTC405", None),
        (small("(3,8) [ bn (3,8) | (1,8) ]"), "repvgg-fuse", "CTC405", None),
        (small("(3,8) [ (3,8,g2) | (1,8) ]"), "repvgg-fuse", "CTC405", None),
        (small("(3,8) [ (3,8) | (1,8) ]", style="bn-relu-conv"), "repvgg-fuse", "CTC405", None),
        (small("(3,8)"), "widen:stage=5,width=9", "CTC403", None),
        (small("(3,8)x2"), "widen:stage=1,width=9,layer=3", "CTC402", "(3,8)"),
        (small("(3,8)"), "widen:stage=1,width=2000000", "CTC402", None),
        (small("(3,8)x2"), "widen:stage=1,width=8", "CTC405", "(3,8)"),
        (small("(3,8) lrn (3,8)"), "widen:stage=1,width=9", "CTC404", "lrn"),
        (small("(3,8) ln (3,8)"), "widen:stage=1,width=9", "CTC404", "ln"),
        (small("(3,8) se(2) (3,8)"), "widen:stage=1,width=9", "CTC404", "se(2)"),
        (small("(3,8) shuffle(2) (3,8)"), "widen:stage=1,width=16", "CTC404", "shuffle(2)"),
        (small("(3,8) (3,dw)"), "widen:stage=1,width=9", "CTC404", "(3,dw)"),
        (small("(3,8,ln) (3,8)"), "widen:stage=1,width=9", "CTC404", "(3,8,ln)"),
        (small("(3,8) [ (3,8) ]"), "widen:stage=1,width=9", "CTC404", "[ (3,8) ]"),
        (small("(3,8)\nhead: gap"), "widen:stage=1,width=9", "CTC404", "(3,8)"),
        (small("(3,8)\nhead: none"), "widen:stage=1,width=9", "CTC404", "(3,8)"),
        (small("(3,8)\nmid: [ (3,8) ]"), "widen:stage=mid,width=9", "CTC404", "[ (3,8) ]"),
        (small("(3,8,silu)"), "deepen:stage=1", "CTC404", "(3,8,silu)"),
        (small("(3,8,linear)"), "deepen:stage=1", "CTC404", "(3,8,linear)"),
        (small("(3,8,ln)"), "deepen:stage=1", "CTC404", "(3,8,ln)"),
        (small("(3,8)", style="bn-relu-conv"), "deepen:stage=1", "CTC404", "(3,8)"),
        (small("(1x3,8)", pad="same"), "deepen:stage=1", "CTC404", "(1x3,8)"),
        (small("(3,8)"), "deepen:stage=1,size=0", "CTC402", None),
        (small("(3,8)"), "deepen:stage=1,layer=2", "CTC402", "(3,8)"),
        (small("(3,8)"), "dilate-delay", "CTC405", None),
        (small("(3,8) 2/2 [ (3,8) ]"), "dilate-delay", "CTC405", None),
        (small("(3,8) 2/2 lrn(3,within) (3,8)"), "dilate-delay", "CTC405", None),
        (small("(3,8) 2/2 se(2) (3,8)"), "dilate-delay", "CTC405", None),
        (small("(3,8) max(3,p0,ceil)/2 (3,8)"), "dilate-delay", "CTC405", None),
        (small("(3,8) 2/2 (3,8)"), "dilate-delay:stage=1", "CTC405", None),
    ],
)
def test_a_pass_refuses(spec: str, applied: str, code: str, place: str | None) -> None:
    with pytest.raises(UserError) as caught:
        after(one(spec), applied)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    if place is not None:
        assert diagnostic.labels[0].span.text == place


def test_what_stays_is_told() -> None:
    from tests.support.rewriting import step

    notes = step(one(small("(3,8) bn (3,8,linear) bn [ bn (1,8,bn) | id ]")), "fold-bn").notes
    assert notes == (
        "norms folded: 2",
        "`bn` that stay, without a convolution that ends linear right before: 2",
    )
    spec = small("(3,8) [ (3,8) | (1,8) ] [ (3,8) (3,8) ]")
    assert step(one(spec), "repvgg-fuse").notes == (
        "blocks fused: 1",
        "blocks that stay, no sum of linear branches: 1",
    )
    spec = small("(3,8) max(3,p0,ceil)/2 (3,8) 2/2 (3,8)")
    assert step(one(spec), "dilate-delay").notes == (
        "`max(3,p0,ceil)/2` stays: its last window, a part of one, exists only at its stride",
    )

import torch
from runs import *
import pytest
from ctcdsl.training.interrupt import Interrupted
from ctcdsl.training.session import Keeping
from ctcdsl.training.cadence import Every
K=Keeping(every=Every(steps=1), last=50)
def test_x(tmp_path):
    t=tmp_path
    run_training(t/'w', keeping=K)
    with pytest.raises(Interrupted):
        run_training(t/'c', reporter=interrupt_at(1,1), keeping=K)
    run_training(t/'c', resume=True, keeping=K)
    run_training(t/'w2', keeping=K)
    def ck(r):
        return {load(p).progress.place: load(p) for p in sorted((r/'checkpoints').glob('0*'))}
    for n in ('c','w2'):
        a,b=ck(t/'w'),ck(t/n)
        for p in a:
            x,y=a[p],b[p]
            print(n, p,[torch.equal(x.model[k],y.model[k]) for k in x.model],[torch.equal(x.optimizer['state'][k]['momentum_buffer'],y.optimizer['state'][k]['momentum_buffer']) for k in x.optimizer['state']], torch.equal(x.rng[0],y.rng[0]), x.progress.loss-y.progress.loss)
    assert 0

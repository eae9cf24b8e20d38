import torch

torch.set_num_threads(1)  # on nets this small, threads do little but wait for one another

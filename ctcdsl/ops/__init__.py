"""Operations on tensors, and the graph of them that a network becomes."""

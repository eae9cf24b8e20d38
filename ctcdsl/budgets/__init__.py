"""What a network may cost: bounds on metrics, and whether a network keeps to them."""

from ctcdsl.budgets.bounds import Bound
from ctcdsl.budgets.budget import Budget
from ctcdsl.budgets.verdict import Verdict

__all__ = ["Bound", "Budget", "Verdict"]

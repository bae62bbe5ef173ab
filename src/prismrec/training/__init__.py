"""Training: one loop that reads from top to bottom. See ``loop.py``."""

from prismrec.training.config import TrainConfig
from prismrec.training.loop import Step, TrainResult, train
from prismrec.training.objective import Objective

__all__ = ["Objective", "Step", "TrainConfig", "TrainResult", "train"]

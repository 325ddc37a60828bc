"""The commands of training; torch is imported only when one of them runs."""

from brf_training.commands.published import import_command
from brf_training.commands.train import train_command

__all__ = ["import_command", "train_command"]

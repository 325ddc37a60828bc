"""Which class is taken for which."""

import numpy as np
import numpy.typing as npt
from rich.table import Table

from brf_deploy.arrays import Ints

# More columns of counts up to 99,999 do not fit a terminal of 80 characters; the JSON result holds every matrix.
WIDEST_TABLE = 10


def confusion_matrix(predictions: Ints, labels: Ints, classes: int) -> Ints:
    """How often each label (row) got each prediction (column), (classes, classes); both of any equal shape."""
    pairs = labels.astype(np.int64).ravel() * classes + predictions.ravel()
    return np.asarray(np.bincount(pairs, minlength=classes**2).reshape(classes, classes))


def recall(confusion: Ints) -> npt.NDArray[np.float64]:
    """Share of each class's labels that were found (classes,); NaN where there is no such label."""
    return _share(confusion, confusion.sum(axis=1))


def precision(confusion: Ints) -> npt.NDArray[np.float64]:
    """Share of each class's predictions that were right (classes,); NaN where there is no such prediction."""
    return _share(confusion, confusion.sum(axis=0))


def confusion_table(confusion: Ints) -> Table:
    """For people: a row a label, a column a prediction where they fit, then recall and precision of each class."""
    columns = [f"{index}" for index in range(len(confusion))] if len(confusion) <= WIDEST_TABLE else []
    title = "labels (rows) and predictions (columns)" if columns else "classes"
    table = Table("class", title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for column in (*columns, "recall", "precision"):
        table.add_column(column, justify="right", no_wrap=True)
    for index, (row, found, right) in enumerate(zip(confusion, recall(confusion), precision(confusion), strict=True)):
        counts = [f"{count}" for count in row] if columns else []
        table.add_row(f"{index}", *counts, _percent(found), _percent(right))
    return table


def _share(confusion: Ints, of: Ints) -> npt.NDArray[np.float64]:
    right = np.diagonal(confusion).astype(np.float64)
    return np.asarray(np.divide(right, of, out=np.full(len(right), np.nan), where=of > 0))


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.1%}"

"""Scan results as a pandas DataFrame, the rows of the CSV export with types; the door to pandas, which is optional."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fingerprint.errors import ParameterError
from sourceprint.scans.results import ScanResult
from sourceprint.scans.summary import q_values

if TYPE_CHECKING:
    import pandas

__all__ = ["to_dataframe"]


def to_dataframe(results: ScanResult | Iterable[ScanResult]) -> "pandas.DataFrame":
    """Return results as a DataFrame, one row per reused passage, with the columns of `results --format csv`.

    A file without passages has one row. docs/formats/exports.md describes the columns. Texts are `string`, whole
    numbers `Int64`, numbers `Float64`, lists are arrays; cells that do not apply are `pandas.NA`.

    Parameters
    ----------
    results : ScanResult or iterable of ScanResult
        A batch: `q_value` is that of each match among all of them.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ImportError
        If pandas is not installed.
    ParameterError
        If one of them is no scan result.

    Examples
    --------
    >>> frame = to_dataframe([])
    >>> len(frame), list(frame.columns)[:3]
    (0, ['name', 'sha256', 'duration_ms'])
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_dataframe: pandas is not installed; pip install 'sourceprint[dataframe]'") from error
    import pyarrow

    from sourceprint.exports.parquet import passage_table

    batch = list(results) if isinstance(results, Iterable) and not isinstance(results, ScanResult) else [results]
    for one in batch:
        if not isinstance(one, ScanResult):
            raise ParameterError(
                f"results: {type(one).__name__} is no ScanResult; keep the results of match() or scan(), or read them "
                "again with read_results()"
            )
    kinds: dict[Any, Any] = {
        pyarrow.string(): pandas.StringDtype(),
        pyarrow.int64(): pandas.Int64Dtype(),
        pyarrow.float64(): pandas.Float64Dtype(),
    }
    frame: pandas.DataFrame = passage_table(batch, q_values(batch)).to_pandas(types_mapper=kinds.get)
    return frame

"""The name of the layout of scan results, apart, so that whoever reads them need not load what makes them."""

__all__ = ["SCHEMA"]

SCHEMA = "sourceprint/scan-result/1"

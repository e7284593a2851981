from polars import DataFrame as DataFrame
import polars as polars

from pyarrow import Table as Table
import pyarrow as pyarrow

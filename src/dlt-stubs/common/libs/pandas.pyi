from pandas import DataFrame as DataFrame
from pandas import Series as Series
import pandas as pandas

from dlt.compat.aliases import DltConfig as DltConfig
from pydantic import BaseModel as BaseModel
import pydantic as pydantic

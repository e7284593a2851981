from sqlalchemy import MetaData as MetaData
from sqlalchemy import Table as Table
import sqlalchemy as _sqlalchemy
import sqlalchemy as sqlalchemy
sa = _sqlalchemy

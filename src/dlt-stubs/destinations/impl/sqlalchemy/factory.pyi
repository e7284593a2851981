from dlt.destinations._sqlalchemy import sqlalchemy as sqlalchemy

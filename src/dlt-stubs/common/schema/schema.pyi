from dlt.schema.schema import Schema as Schema

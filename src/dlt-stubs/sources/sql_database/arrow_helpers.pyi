from dlt.sources.sql_database.settle import row_tuples_to_arrow as row_tuples_to_arrow

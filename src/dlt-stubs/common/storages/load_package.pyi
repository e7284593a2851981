from dlt.compat.values import create_load_id as create_load_id

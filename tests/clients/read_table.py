"""Reads the observations of a data folder with other programs. Usage: read_table.py DATA_FOLDER

Prints one JSON object: what delta-rs and DuckDB count in one and the same version of the table.
"""

import json
import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable, QueryBuilder

QUESTION = "SELECT count(*) AS n, count(DISTINCT id) AS ids, max(result) AS highest FROM"

table = DeltaTable(Path(sys.argv[1]) / "tables" / "observations")
batch = QueryBuilder().register("observations", table).execute(f"{QUESTION} observations").read_all()
by_delta = [batch.column(number)[0].as_py() for number in range(3)]
files = table.file_uris()
# DuckDB wants at least one file.
by_duckdb = duckdb.sql(f"{QUESTION} read_parquet({files!r}, hive_partitioning = true)").fetchall()[0] if files else (0, 0, None)
print(json.dumps({"files": len(files), "delta": by_delta, "duckdb": list(by_duckdb)}))

"""Reads the observations of a data folder with other programs. Usage: read_table.py DATA_FOLDER

Prints one JSON object: what each of them counts in one and the same version of the table.
"""

import json
import sys
from pathlib import Path

import duckdb
import pandas
import polars
from deltalake import DeltaTable, QueryBuilder

QUESTION = "SELECT count(*) AS n, count(DISTINCT id) AS ids, max(result) AS highest FROM"

table = DeltaTable(Path(sys.argv[1]) / "tables" / "observations")
batch = QueryBuilder().register("observations", table).execute(f"{QUESTION} observations").read_all()
answers = {"delta": [batch.column(number)[0].as_py() for number in range(3)]}
files = table.file_uris()
# The others want at least one file.
if files:
    answers["duckdb"] = duckdb.sql(f"{QUESTION} read_parquet({files!r}, hive_partitioning = true)").fetchall()[0]
    rows = polars.scan_parquet(files)
    counted = rows.select(polars.len(), polars.col("id").n_unique().alias("ids"), polars.col("result").max())
    answers["polars"] = counted.collect().row(0)
    frame = pandas.concat(pandas.read_parquet(file, columns=["id", "result"], partitioning=None) for file in files)
    answers["pandas"] = [len(frame), int(frame["id"].nunique()), float(frame["result"].max())]
print(json.dumps({"files": len(files), "answers": answers}))

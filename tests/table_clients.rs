//! The tables are open to other programs, also while the platform writes to them and merges their files.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::eventually;
use crate::harness::publisher::publish;
use crate::harness::server::{Server, text};
use crate::harness::uplinks::{chirpstack, climate};

/// Python with the programs of `tests/clients/requirements.txt`.
fn python() -> PathBuf {
    Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/stadtwarte/clients/bin/python")
}

fn read_by_others(server: &Server) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/read_table.py");
    let output = Command::new(python()).arg(script).arg(server.data()).output().expect("installed by `.ci/install test`");
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn delta_rs_duckdb_polars_and_pandas_read_the_tables_while_they_are_written_and_merged() {
    let folder = TempDir::new().unwrap();
    let settings = "[store]\nflush_rows = 2\ncompaction_interval_s = 1\n";
    let server = Server::start_with(&folder, settings, &[]);
    let mut f_cnt = 0;
    let mut publish_one = || {
        f_cnt += 1;
        assert_eq!(publish(server.mqtt, &[chirpstack(1, f_cnt, &climate(20.0 + f64::from(f_cnt) / 10.0, 10.0))]), 1);
        f_cnt
    };
    let compacted = || !server.get("/metrics").2.contains("stadtwarte_store_compacted_files_total 0\n");
    let mut last = 0;
    // Each flush makes a file, eight of them are merged.
    eventually("files to be merged", || {
        publish_one();
        let found = read_by_others(&server);
        let answers = found["answers"].as_object().unwrap();
        let by_delta = &answers["delta"];
        assert!(answers.values().all(|answer| answer == by_delta), "{found}");
        assert_eq!(by_delta[0], by_delta[1], "nothing is there twice: {found}");
        let rows = by_delta[0].as_i64().unwrap();
        assert!(rows >= last, "{rows} rows after {last}");
        last = rows;
        compacted().then_some(())
    });
    let count = publish_one();
    eventually("all to be in files", || {
        let found = read_by_others(&server);
        (found["answers"]["delta"] == json!([2 * count, 2 * count, 20.0 + f64::from(count) / 10.0])).then_some(())
    });
}

//! SIGKILL at random points: every acknowledged uplink is there afterwards, exactly once.

use std::collections::{HashMap, HashSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::server::{Server, sql_of_folder, stadtwarte};

/// Rounds of killing; each costs a few seconds.
const ROUNDS: u32 = 5;

/// The identities that a publisher saw acknowledged.
fn acknowledged(folder: &TempDir, round: u32) -> HashSet<String> {
    let log = std::fs::read_to_string(folder.path().join(format!("acked-{round}"))).unwrap_or_default();
    // A line cut short by the end of the publisher is no acknowledgement it knows of.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().map(str::to_owned).collect()
}

fn publish_until_killed(server: Server, folder: &TempDir, round: u32, life: Duration) {
    let mut publisher = simulator(&server, folder, round);
    std::thread::sleep(life);
    server.kill();
    // The publisher notices the loss of its only server; it is ended by its own pid.
    let _ = publisher.kill();
    publisher.wait().unwrap();
}

fn simulator(server: &Server, folder: &TempDir, round: u32) -> std::process::Child {
    let mut command: Command = stadtwarte();
    command
        .args(["simulate", "--quiet", "--devices", "50", "--rate", "400", "--dialect", "chirpstack", "--connections", "2"])
        .args(["--to", &format!("mqtt://{}", server.mqtt), "--seed", &(round + 1).to_string(), "--client-id", &format!("round-{round}")])
        .arg("--acked-log")
        .arg(folder.path().join(format!("acked-{round}")))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn killed_at_random_points_every_acknowledged_uplink_is_stored_exactly_once() {
    let folder = TempDir::new().unwrap();
    let settings = "[store]\nflush_rows = 1500\nmax_segment_bytes = 262144\n";
    let mut expected = HashSet::new();
    for round in 0..ROUNDS {
        let server = Server::start_with(&folder, settings, &[]);
        // Different lengths meet different moments: first contact, flush, segment change, steady state.
        publish_until_killed(server, &folder, round, Duration::from_millis(700 + 430 * u64::from(round)));
        expected.extend(acknowledged(&folder, round));
    }
    assert!(expected.len() > 500, "only {} uplinks were acknowledged", expected.len());

    let data = folder.path().join("data");
    let check = |when: &str| {
        let rows = sql_of_folder(&data, "SELECT deduplication_id AS id, count(*) AS n FROM uplinks GROUP BY 1");
        let stored: HashMap<&str, i64> = rows.iter().filter_map(|row| Some((row["id"].as_str()?, row["n"].as_i64()?))).collect();
        let missing: Vec<_> = expected.iter().filter(|id| !stored.contains_key(id.as_str())).take(5).collect();
        assert!(missing.is_empty(), "{when}: acknowledged but not stored: {missing:?}");
        let doubled: Vec<_> = stored.iter().filter(|(_, n)| **n != 1).take(5).collect();
        assert!(doubled.is_empty(), "{when}: stored more than once: {doubled:?}");
        let ids = &sql_of_folder(&data, "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM observations")[0];
        assert_eq!(ids["n"], ids["ids"], "{when}: an observation appears twice");
        let sums = &sql_of_folder(&data, "SELECT sum(observations) AS expected FROM uplinks")[0];
        assert_eq!(sums["expected"], ids["n"], "{when}: readings and uplinks disagree");
    };
    check("after the last kill");
    let server = Server::start_with(&folder, settings, &[]);
    check("while running again");
    assert_eq!(server.stop(), Some(0));
    check("after an orderly end");
}

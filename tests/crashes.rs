//! SIGKILL at random points: every acknowledged uplink is there afterwards, exactly once.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::server::{Server, sql_of_folder, stadtwarte, terminate};

/// Rounds of killing; each costs a few seconds.
const ROUNDS: u32 = 10;
/// A life is between these, in milliseconds: first contact, flush, segment change, compaction and steady state all happen in them.
const LIFE_MS: std::ops::Range<u64> = 150..2600;
/// Repeats the moments of a run that failed.
const SEED_VARIABLE: &str = "STADTWARTE_TEST_SEED";

/// Moments to kill at, anew in every run unless the environment says which.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let given = std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok());
        Self(given.unwrap_or_else(|| RandomState::new().build_hasher().finish()))
    }

    /// The next one. Source of the generator: `SplitMix64` (Steele, Lea, Flood 2014).
    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis(LIFE_MS.start + (mixed ^ (mixed >> 31)) % (LIFE_MS.end - LIFE_MS.start))
    }
}

/// A publisher that outlives the platform: it connects again and sends again what was not acknowledged.
fn publisher(server: &Server, folder: &TempDir) -> Child {
    let mut command: Command = stadtwarte();
    command
        .args(["simulate", "--quiet", "--devices", "60", "--rate", "500", "--dialect", "mixed", "--connections", "3"])
        .args(["--to", &format!("mqtt://{}", server.mqtt), "--seed", "7"])
        .arg("--acked-log")
        .arg(folder.path().join("acked"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The identities that the publisher saw acknowledged.
fn acknowledged(folder: &TempDir) -> HashSet<String> {
    std::fs::read_to_string(folder.path().join("acked")).unwrap().lines().map(str::to_owned).collect()
}

/// As the publisher names them. The Things Stack gives no identity to a message, so another copy of a frame has that of the first.
const STORED: &str = "SELECT coalesce(deduplication_id, 'tts:' || dev_eui || ':' || session || ':' || CAST(f_cnt AS VARCHAR)) AS id, \
     count(*) FILTER (WHERE duplicate_of IS NULL OR deduplication_id IS NOT NULL) AS n FROM uplinks GROUP BY 1";

#[test]
fn killed_at_random_points_every_acknowledged_uplink_is_stored_exactly_once() {
    let folder = TempDir::new().unwrap();
    let settings = "[store]\nflush_rows = 500\nmax_segment_bytes = 262144\ncompaction_interval_s = 1\nkeep_replaced_s = 5\n";
    let mut moments = Moments::new();
    println!("{SEED_VARIABLE}={} repeats this run", moments.0);
    let mut server = Server::start_with(&folder, settings, &[]);
    let mut publisher = publisher(&server, &folder);
    for _ in 0..ROUNDS {
        std::thread::sleep(moments.next());
        let address = server.mqtt;
        server.kill();
        server = Server::start_again(&folder, settings, address);
    }
    std::thread::sleep(moments.next());
    // It takes the last acknowledgements and ends.
    terminate(publisher.id());
    assert!(publisher.wait().unwrap().success(), "the publisher got every acknowledgement in the end");
    server.kill();
    let expected = acknowledged(&folder);
    assert!(expected.len() > 500, "only {} uplinks were acknowledged", expected.len());
    assert!(expected.iter().any(|id| id.starts_with("tts:")) && expected.iter().any(|id| !id.starts_with("tts:")), "both dialects");

    let data = folder.path().join("data");
    let check = |when: &str| {
        let rows = sql_of_folder(&data, STORED);
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

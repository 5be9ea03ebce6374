//! A disk without room: nothing is acknowledged that is not kept, reading goes on, and writing resumes by itself.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::harness::eventually;
use crate::harness::publisher::publish;
use crate::harness::server::{Server, sql_of_folder};
use crate::harness::uplinks::{chirpstack, climate};

/// Messages sent while the disk is full: many times what the last page of the log can still take.
const MESSAGES: u32 = 200;

/// A small file system in memory, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(path).output().ok()?.status;
        status.success().then(|| Self(path.to_owned()))
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        self.fill_with(usize::MAX)
    }

    /// Takes so many blocks of 4 KiB, or all that is left.
    fn fill_with(&self, blocks: usize) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = File::create(&path).unwrap();
        let block = vec![7; 4096];
        let mut written = 0;
        while written < blocks && file.write_all(&block).is_ok() {
            written += 1;
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_and_nothing_lost_and_it_resumes_by_itself() {
    let folder = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("data")) else {
        eprintln!("SKIPPED: this test mounts a small file system, which takes root");
        return;
    };
    // The first message alone, three rows, is no reason for a flush; with any that fits into what is left of the log, there is one.
    let server = Server::start_with(&folder, "[store]\nmin_free_bytes = 0\nflush_rows = 4\nflush_interval_s = 30\n", &[]);
    let key = server.key("operator");
    let message = |f_cnt: u32| chirpstack(1, f_cnt, &climate(20.0 + f64::from(f_cnt) / 100.0, 50.0));
    assert_eq!(publish(server.mqtt, &[message(0)]), 1);

    let ballast = disk.fill();
    let messages: Vec<_> = (1..=MESSAGES).map(message).collect();
    let kept = publish(server.mqtt, &messages);
    assert!(kept < messages.len(), "{kept} of {MESSAGES} were acknowledged on a full disk");
    let (status, _, body) = server.get("/readyz");
    assert!(status == 503 && body.contains("the log cannot be written"), "{status} {body}");
    // A small message can find room behind a larger one that did not; it is stored, and not acknowledged before that one.
    let stored = |when: &str| {
        let stored = server.rows("SELECT count(*) AS n FROM uplinks", Some(&key))[0]["n"].as_u64().unwrap();
        assert!(stored > kept as u64, "{when}: {stored} stored, {kept} acknowledged since the disk is full");
    };
    stored("reading goes on");
    assert!(server.log().contains("nothing is acknowledged until it can"), "{}", server.log());

    eventually("a flush to fail", || server.log().contains("writing files failed").then_some(()));
    stored("rows that no file takes stay");

    std::fs::remove_file(ballast).unwrap();
    // What was not acknowledged is sent again, as publishers do; what was acknowledged, too, and changes nothing.
    assert_eq!(publish(server.mqtt, &messages), messages.len());
    eventually("the platform to be ready again", || (server.get("/readyz").0 == 200).then_some(()));
    eventually("the rows to be in files", || server.get("/metrics").2.contains("stadtwarte_store_hot_rows 0\n").then_some(()));
    let counted = "SELECT count(*) AS n, count(DISTINCT f_cnt) AS frames, sum(observations) AS readings FROM uplinks";
    let expected = serde_json::json!([{ "n": MESSAGES + 1, "frames": MESSAGES + 1, "readings": 2 * (MESSAGES + 1) }]);
    assert_eq!(serde_json::json!(server.rows(counted, Some(&key))), expected);
    server.kill();
    assert_eq!(serde_json::json!(sql_of_folder(&folder.path().join("data"), counted)), expected, "after a crash, too");
    drop(disk);
}

#[test]
fn below_the_low_water_mark_nothing_is_taken_and_what_was_still_goes_to_files() {
    let folder = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("data")) else {
        eprintln!("SKIPPED: this test mounts a small file system, which takes root");
        return;
    };
    let server = Server::start_with(&folder, "[store]\nmin_free_bytes = 8388608\nflush_interval_s = 5\n", &[]);
    let key = server.key("operator");
    let message = |f_cnt: u32| chirpstack(1, f_cnt, &climate(20.0, 50.0));
    assert_eq!(publish(server.mqtt, &[message(0)]), 1);

    // Of 24 MiB, less than 8 stay.
    let ballast = disk.fill_with(17 << 8);
    eventually("the mark to be noticed", || (server.get("/readyz").0 == 503).then_some(()));
    assert_eq!(publish(server.mqtt, &[message(1)]), 0);
    assert!(server.log().contains("the disk is nearly full"), "{}", server.log());
    eventually("the rows to be in files", || server.get("/metrics").2.contains("stadtwarte_store_hot_rows 0\n").then_some(()));
    assert_eq!(server.rows("SELECT count(*) AS n FROM uplinks", Some(&key))[0]["n"], 1, "reading goes on");

    std::fs::remove_file(ballast).unwrap();
    eventually("the platform to be ready again", || (server.get("/readyz").0 == 200).then_some(()));
    assert_eq!(publish(server.mqtt, &[message(1)]), 1);
    server.kill();
    drop(disk);
}

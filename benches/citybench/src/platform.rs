//! A running `stadtwarte`, started as in production: a process of its own with a data folder and free ports.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::bench::Bench;
use crate::http::Http;
use crate::process::{Ended, Process};

const START: Duration = Duration::from_mins(2);
const STOP: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The platform.
#[derive(Debug)]
pub struct Platform {
    /// Its process.
    pub process: Process,
    /// A client without a key.
    pub http: Http,
    /// Its MQTT endpoint.
    pub mqtt: SocketAddr,
    /// When its process was started.
    pub started: Instant,
    binary: PathBuf,
    folder: PathBuf,
}

impl Platform {
    /// Starts `stadtwarte up` on the data in `folder`, new or not, and waits for its doors.
    ///
    /// # Errors
    /// When it does not come up; with the end of its log.
    pub async fn up(bench: &Bench, folder: &Path) -> anyhow::Result<Self> {
        Self::start(bench, folder, &["up"]).await
    }

    /// Starts any command that opens the doors.
    ///
    /// # Errors
    /// As [`Self::up`].
    pub async fn start(bench: &Bench, folder: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let ready = folder.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let log = File::create(folder.join("log"))?;
        let mut command = program(&bench.binary, folder);
        command.args(arguments).args(["--quiet", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
        command.arg("--ready-file").arg(&ready).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let started = Instant::now();
        let mut process = Process::start("stadtwarte", &mut command)?;
        let addresses = loop {
            if let Some(addresses) = std::fs::read(&ready).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) {
                break addresses;
            }
            process.check_alive().with_context(|| read_log(folder))?;
            ensure!(started.elapsed() < START, "stadtwarte was not ready within {START:?}: {}", read_log(folder));
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let address = |door: &str| addresses[door].as_str().unwrap_or_default().parse::<SocketAddr>().with_context(|| door.to_owned());
        let (http, mqtt) = (Http::new(address("http")?)?, address("mqtt")?);
        Ok(Self { process, http, mqtt, started, binary: bench.binary.clone(), folder: folder.to_owned() })
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        read_log(&self.folder)
    }

    /// A client that sees everything, with a key made beside the running server.
    ///
    /// # Errors
    /// When no key can be made, or the server does not learn of it.
    pub async fn operator(&self) -> anyhow::Result<Http> {
        let arguments = ["key", "create", "--quiet", "--role", "operator", "--data"];
        let output = program(&self.binary, &self.folder).args(arguments).arg(self.data()).output()?;
        ensure!(output.status.success(), "key create: {}", String::from_utf8_lossy(&output.stderr));
        let http = self.http.with_key(String::from_utf8_lossy(&output.stdout).trim());
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = http.sql("SELECT 1", "json").await {
            ensure!(Instant::now() < deadline, "the new key is not accepted: {error:#}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(http)
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it does not end, or not with success.
    pub async fn stop(self) -> anyhow::Result<Ended> {
        let ended = self.process.stop(STOP).await?;
        if !ended.status.success() {
            bail!("stadtwarte ended with {}: {}", ended.status, read_log(&self.folder));
        }
        Ok(ended)
    }
}

/// The program without settings from this user's environment or folder.
pub fn program(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STADTWARTE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

fn read_log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

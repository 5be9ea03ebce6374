//! The control for everything that is MQTT: a plain Mosquitto. It acknowledges from memory, writes nothing to disk and reads no payload.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::process::{Ended, Process};

const START: Duration = Duration::from_secs(20);

/// A Mosquitto without persistence on a free port.
#[derive(Debug)]
pub struct Mosquitto {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Mosquitto {
    /// Starts it with bounds that stand in nobody's way.
    ///
    /// # Errors
    /// When it is not installed or does not listen.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let settings = format!(
            "listener {} {}\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\nuser root\n",
            address.port(),
            address.ip()
        );
        let config = folder.join("mosquitto.conf");
        std::fs::write(&config, settings)?;
        let mut command = Command::new("mosquitto");
        // Debian keeps it where only the administrator's path leads.
        command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
        command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start("mosquitto (Debian package mosquitto)", &mut command)?;
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            process.check_alive()?;
            ensure!(begin.elapsed() < START, "mosquitto does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { process, address })
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(self) -> anyhow::Result<Ended> {
        self.process.stop(START).await
    }
}

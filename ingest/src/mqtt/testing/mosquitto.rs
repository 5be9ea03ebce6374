//! A real Mosquitto on a free loopback port, ended by its own process handle.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::DEADLINE;

/// How the broker is set up.
#[derive(Default)]
pub(crate) struct Setup {
    /// Keeps sessions over a kill: every change is written at once.
    pub(crate) is_persistent: bool,
    /// Further lines of the configuration; `DIR` stands for the folder of this broker.
    pub(crate) lines: Vec<String>,
    /// Files to put into the folder.
    pub(crate) files: Vec<(&'static str, String)>,
}

/// A broker that runs.
pub(crate) struct Mosquitto {
    folder: TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts a broker that anybody may use and that forgets everything when it is killed.
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        let mut broker = Self::prepare(setup);
        broker.restart().await;
        broker
    }

    /// Prepares a broker that is not running yet.
    pub(crate) fn prepare(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let dir = folder.path().display().to_string();
        // `user root` keeps a broker that the tests start as root from giving up the rights to its folder.
        let mut config = format!("listener {port} 127.0.0.1\nuser root\nlog_dest none\nmax_inflight_messages 20\nmax_queued_messages 0\n");
        if !setup.lines.iter().any(|line| line.starts_with("allow_anonymous")) {
            config.push_str("allow_anonymous true\n");
        }
        if setup.is_persistent {
            let _ = write!(config, "persistence true\npersistence_location {dir}/\nautosave_on_changes true\nautosave_interval 1\n");
        }
        for line in setup.lines {
            let _ = writeln!(config, "{}", line.replace("DIR", &dir));
        }
        for (name, content) in setup.files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        Self { folder, port, child: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it (again) on the same port with the same folder, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        let mut command = Command::new(binary());
        command.arg("-c").arg(self.path("mosquitto.conf")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.kill_on_drop(true).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{MISSING} ({error})")));
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let answers = timeout(DEADLINE, async {
            while TcpStream::connect(address).await.is_err() {
                if let Some(child) = &mut self.child
                    && child.try_wait().unwrap().is_some()
                {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            true
        });
        if !answers.await.unwrap_or(false) {
            let output = self.child.take().unwrap().wait_with_output().await.unwrap();
            panic!("mosquitto did not start: {}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// Makes a persistent broker write its memory to disk and waits until this text is there. It acknowledges publishers before
    /// that, and by itself it may take its time.
    pub(crate) async fn save(&self, text: &str) {
        let process = self.child.as_ref().and_then(Child::id).expect("the broker runs").to_string();
        let is_told = Command::new("kill").args(["-USR1", &process]).status().await.unwrap();
        assert!(is_told.success());
        let file = self.path("mosquitto.db");
        let is_saved = || std::fs::read(&file).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()));
        super::eventually("the broker has saved its messages", is_saved).await;
    }

    /// Ends it as a power cut would.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// Publishes with `mosquitto_pub` and waits for its acknowledgement.
    pub(crate) async fn publish(&self, topic: &str, qos: u8, payload: &[u8]) {
        self.publish_with(topic, qos, payload, &[]).await;
    }

    pub(crate) async fn publish_with(&self, topic: &str, qos: u8, payload: &[u8], more: &[&str]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), payload).unwrap();
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", "mqttv5", "-q", &qos.to_string(), "-t", topic]);
        command.arg("-f").arg(file.path()).args(more).kill_on_drop(true);
        let output = timeout(DEADLINE, command.output()).await.expect("mosquitto_pub ends in time");
        let output = output.expect("mosquitto_pub is needed for this test: apt-get install mosquitto-clients");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Publishes one message per line on one topic, over one connection.
    pub(crate) async fn publish_lines(&self, topic: &str, qos: u8, lines: &[String]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n") + "\n").unwrap();
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", "mqttv5", "-q", &qos.to_string(), "-t", topic, "-l"]);
        command.stdin(std::fs::File::open(file.path()).unwrap()).kill_on_drop(true);
        let output = timeout(DEADLINE, command.output()).await.expect("mosquitto_pub ends in time");
        let output = output.expect("mosquitto_pub is needed for this test: apt-get install mosquitto-clients");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

const MISSING: &str = "mosquitto is needed for this test: apt-get install mosquitto";

/// The broker is in `sbin`, which is not on everybody's path.
fn binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join("mosquitto")).find(|file| file.is_file()).expect(MISSING)
}

/// The plugin with which Mosquitto checks subscriptions against an access list; `acl_file` checks deliveries only.
pub(crate) fn access_list_plugin() -> PathBuf {
    let name = "mosquitto_dynamic_security.so";
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    folders.chain([Path::new("/usr/lib").to_owned()]).map(|folder| folder.join(name)).find(|file| file.is_file()).expect(MISSING)
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

//! A running platform.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::eventually;

/// The program under test.
pub fn stadtwarte() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stadtwarte"));
    command.env_remove("STADTWARTE_KEY").current_dir(std::env::temp_dir());
    command
}

/// A platform process on a data folder of its own.
pub struct Server {
    child: Child,
    folder: PathBuf,
    pub http: SocketAddr,
    pub mqtt: SocketAddr,
}

impl Server {
    /// Starts the platform on `folder` and waits until every door answers.
    pub fn start(folder: &TempDir) -> Self {
        Self::start_with(folder, "", &[])
    }

    /// The same with settings in TOML and further arguments.
    pub fn start_with(folder: &TempDir, settings: &str, arguments: &[&str]) -> Self {
        let config = folder.path().join("stadtwarte.toml");
        std::fs::write(&config, settings).unwrap();
        Self::spawn(folder, stadtwarte().arg("up").arg("--config").arg(&config).args(arguments))
    }

    /// The same again, where publishers will look for it.
    pub fn start_again(folder: &TempDir, settings: &str, mqtt: SocketAddr) -> Self {
        let config = folder.path().join("stadtwarte.toml");
        std::fs::write(&config, settings).unwrap();
        Self::spawn_at(folder, stadtwarte().arg("up").arg("--config").arg(&config), &mqtt.to_string())
    }

    /// Starts the demo city on `folder`.
    pub fn demo(folder: &TempDir, arguments: &[&str]) -> Self {
        Self::demo_with(folder, "", arguments)
    }

    /// The same with settings in TOML.
    pub fn demo_with(folder: &TempDir, settings: &str, arguments: &[&str]) -> Self {
        let config = folder.path().join("stadtwarte.toml");
        std::fs::write(&config, settings).unwrap();
        Self::spawn(folder, stadtwarte().arg("demo").arg("--config").arg(&config).args(arguments))
    }

    fn spawn(folder: &TempDir, command: &mut Command) -> Self {
        Self::spawn_at(folder, command, "127.0.0.1:0")
    }

    fn spawn_at(folder: &TempDir, command: &mut Command, mqtt: &str) -> Self {
        let ready = folder.path().join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let log = File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
        let child = command
            .args(["--quiet", "--http", "127.0.0.1:0", "--mqtt", mqtt])
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { child, folder: folder.path().to_owned(), http: ([0, 0, 0, 0], 0).into(), mqtt: ([0, 0, 0, 0], 0).into() };
        let addresses = eventually("the platform to become ready", || {
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("the platform ended with {status}:\n{}", server.log());
            }
            serde_json::from_slice::<Value>(&std::fs::read(&ready).ok()?).ok()
        });
        server.http = addresses["http"].as_str().unwrap().parse().unwrap();
        server.mqtt = addresses["mqtt"].as_str().unwrap().parse().unwrap();
        server
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no chance to clean up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit code.
    pub fn stop(mut self) -> Option<i32> {
        terminate(self.child.id());
        self.child.wait().unwrap().code()
    }

    /// A GET request: status, headers in lower case, body.
    pub fn get(&self, path: &str) -> (u16, String, String) {
        request(self.http, &format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"))
    }

    /// A GET request that must succeed with JSON.
    pub fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// An SQL query over HTTP, as `key` allows.
    pub fn sql(&self, query: &str, key: Option<&str>) -> (u16, Value) {
        let body = serde_json::json!({ "query": query, "format": "json" }).to_string();
        let authorization = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let head = format!(
            "POST /api/v1/sql HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n{authorization}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let (status, _, body) = request(self.http, &(head + &body));
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// The rows of a query that must succeed.
    pub fn rows(&self, query: &str, key: Option<&str>) -> Vec<Value> {
        match self.sql(query, key) {
            (200, Value::Array(rows)) => rows,
            other => panic!("{query}: {other:?}"),
        }
    }

    /// Follows the live stream.
    pub fn follow(&self, path: &str, last_event_id: Option<&str>) -> LiveStream {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let resume = last_event_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n{resume}\r\n").unwrap();
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line.trim() != "" {
            line.clear();
            lines.read_line(&mut line).unwrap();
        }
        LiveStream { lines }
    }

    /// Makes an API key beside the running server.
    pub fn key(&self, role: &str) -> String {
        let output = stadtwarte().args(["key", "create", "--quiet", "--role", role, "--data"]).arg(self.data()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let key = text(&output.stdout).trim().to_owned();
        eventually("the server to know the new key", || (self.sql("SELECT 1", Some(&key)).0 == 200).then_some(()));
        key
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Server-sent events as they come.
pub struct LiveStream {
    lines: BufReader<TcpStream>,
}

/// One server-sent event.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub id: String,
    pub data: Value,
}

impl LiveStream {
    /// The next event; fails the test when none comes in time.
    pub fn next(&mut self) -> Event {
        let (mut name, mut id, mut data) = (String::new(), String::new(), String::new());
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).expect("an event within the time limit"), 0, "the stream ended");
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("event:") {
                value.trim().clone_into(&mut name);
            } else if let Some(value) = line.strip_prefix("id:") {
                value.trim().clone_into(&mut id);
            } else if let Some(value) = line.strip_prefix("data:") {
                data.push_str(value);
            } else if line.is_empty() && !data.is_empty() {
                return Event { name, id, data: serde_json::from_str(&data).unwrap() };
            }
        }
    }
}

/// `stadtwarte sql` on a data folder.
pub fn sql_of_folder(data: &Path, query: &str) -> Vec<Value> {
    let output = stadtwarte().args(["sql", "--quiet", "--format", "json", query, "--data"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{query}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{query}: {error}: {}", text(&output.stdout)))
}

/// Runs a command to its end.
pub fn run(arguments: &[&str]) -> Output {
    stadtwarte().args(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asks a process that this test started to end.
pub fn terminate(pid: u32) {
    let status = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().unwrap();
    assert!(status.success());
}

fn request(address: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let head = head.to_lowercase();
    let body = if head.contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_owned() };
    (status, head, body)
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        if length == 0 {
            break;
        }
        whole.push_str(&rest[..length]);
        body = rest[length..].trim_start_matches("\r\n");
    }
    whole
}

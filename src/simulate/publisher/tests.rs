//! Publishing to a real Mosquitto. Skipped, loudly, where it is not installed.

use super::*;
use crate::simulate::fleet::{Dialect, FleetOptions};
use crate::simulate::traffic::Faults;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::collections::{HashMap, HashSet};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// A Mosquitto on a free loopback port, ended by its own process when dropped.
struct Mosquitto {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Mosquitto {
    /// Starts a server.
    fn start(settings: &str) -> Self {
        // Between finding a free port and using it somebody else may take it; then another one is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = std::env::temp_dir().join(format!("stadtwarte-simulate-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let mut server = Self { child: spawn(&folder, port, settings), port, folder };
            if server.wait() {
                return server;
            }
        }
        panic!("mosquitto could not be started on five free ports");
    }

    /// Waits until the server answers; false when it has ended.
    fn wait(&mut self) -> bool {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(std::time::Instant::now() < deadline, "mosquitto does not answer on port {}", self.port);
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.folder, self.port, OPEN);
        assert!(self.wait(), "mosquitto did not come back");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const OPEN: &str = "allow_anonymous true";

fn spawn(folder: &std::path::Path, port: u16, settings: &str) -> Child {
    let file = folder.join("mosquitto.conf");
    let queue = "max_queued_messages 0\nmax_inflight_messages 0\nlog_type error\n";
    std::fs::write(&file, format!("listener {port} 127.0.0.1\n{queue}{settings}\n")).unwrap();
    // Distributions install servers where a user's search path does not look.
    let places = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
    let spawned = places.iter().find_map(|program| Command::new(program).arg("-c").arg(&file).stdout(Stdio::null()).spawn().ok());
    spawned.expect("mosquitto is installed: `.ci/install test`")
}

#[expect(clippy::disallowed_methods, reason = "this is the edge: a real server and the real time")]
fn clock() -> Clock {
    Clock::new(|| i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
}

fn options(port: u16) -> Options {
    let target = Target { host: "127.0.0.1".to_owned(), port };
    Options { pace: Pace::Rate { per_s: 2_000.0 }, count: Some(2_500), ..Options::new(target, clock()) }
}

/// One fleet for all tests, because a town takes a moment to build.
fn fleet() -> Arc<Fleet> {
    static FLEET: LazyLock<Arc<Fleet>> = LazyLock::new(|| Fleet::generate(FleetOptions { seed: 4, devices: 45, dialect: Dialect::Mixed }));
    Arc::clone(&FLEET)
}

/// Counts what arrives by topic, in the background, until dropped.
struct Listener {
    seen: Arc<Mutex<HashMap<String, usize>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    async fn start(port: u16) -> Self {
        let mut mqtt = MqttOptions::new("listener", "127.0.0.1", port);
        mqtt.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut events) = AsyncClient::new(mqtt, 10);
        client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
        let seen: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let book = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let _client = client;
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(publish)) = event {
                    *book.lock().unwrap().entry(publish.topic).or_default() += 1;
                }
            }
        });
        Self { seen, task }
    }

    fn total(&self) -> usize {
        self.seen.lock().unwrap().values().sum()
    }

    async fn wait_for(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.total() < count && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.total(), count);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_arrives_and_is_acknowledged() {
    let server = Mosquitto::start(OPEN);
    let listener = Listener::start(server.port).await;
    let mut calls = 0;
    let report = run(fleet(), options(server.port), |_| calls += 1, std::future::pending()).await.unwrap();
    assert_eq!((report.sent, report.acknowledged, report.unacknowledged, report.connection_losses), (2_500, 2_500, 0, 0), "{report:?}");
    assert_eq!(report.sent, report.readings + report.other_events);
    assert!(report.ack.p50 > Duration::ZERO && report.ack.p99 <= report.ack.max && report.response.max >= report.ack.max, "{report:?}");
    assert!(report.achieved_per_s < 2_600.0 && calls >= 3, "{calls} calls, {report:?}");
    listener.wait_for(2_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quality_of_service_0_arrives_without_acknowledgements() {
    let server = Mosquitto::start(OPEN);
    let listener = Listener::start(server.port).await;
    let options = Options { qos: Qos::AtMostOnce, count: Some(500), ..options(server.port) };
    let report = run(fleet(), options, |_| {}, std::future::pending()).await.unwrap();
    assert_eq!((report.sent, report.acknowledged, report.unacknowledged), (500, 0, 0));
    listener.wait_for(500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_server_restart_everything_unacknowledged_is_sent_again() {
    let mut server = Mosquitto::start(OPEN);
    let log = server.folder.join("acked.txt");
    let options =
        Options { connections: 2, acked_log: Some(log.clone()), count: Some(4_000), faults: Faults::none(), ..options(server.port) };
    let restarted = Arc::new(Mutex::new(false));
    let (fleet, flag) = (fleet(), Arc::clone(&restarted));
    let (stop, stopped) = std::sync::mpsc::channel();
    let helper = std::thread::spawn(move || {
        let _ = stopped.recv();
        server.restart();
        server
    });
    let progress = move |progress: &Progress| {
        let mut done = flag.lock().unwrap();
        if progress.acknowledged > 800 && !*done {
            *done = true;
            let _ = stop.send(());
        }
    };
    let report = run(fleet, options, progress, std::future::pending()).await.unwrap();
    assert!(*restarted.lock().unwrap(), "the restart happened while messages were under way");
    assert_eq!((report.sent, report.unacknowledged, report.acknowledged), (4_000, 0, 4_000), "{report:?}");
    assert!(report.connection_losses >= 1 && report.behind > Duration::ZERO, "{report:?}");
    let text = std::fs::read_to_string(&log).unwrap();
    let ids: HashSet<&str> = text.lines().collect();
    assert_eq!(text.lines().count(), ids.len(), "without faults every acknowledged uplink has its own line");
    assert_eq!(ids.len(), usize::try_from(report.uplinks).unwrap());
    drop(helper.join());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_turns_every_device_is_heard_twice_in_the_burst() {
    let server = Mosquitto::start(OPEN);
    let listener = Listener::start(server.port).await;
    let fleet = fleet();
    // So slow after the burst that nothing follows during this test.
    let pace = Pace::Turns { burst: Duration::from_millis(400), per_s: 1e-3 };
    let options = Options { pace, count: None, faults: Faults::none(), ..options(server.port) };
    let uplinks = || {
        let seen = listener.seen.lock().unwrap();
        seen.iter().filter(|(topic, _)| topic.ends_with("/up")).map(|(topic, count)| (topic.clone(), *count)).collect::<Vec<_>>()
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut stop = Some(stop);
    let all_heard = |_: &Progress| {
        if uplinks().iter().all(|(_, count)| *count >= 2) && uplinks().len() == fleet.devices.len() {
            drop(stop.take());
        }
    };
    let report = tokio::time::timeout(Duration::from_mins(1), run(Arc::clone(&fleet), options, all_heard, async { drop(stopped.await) }));
    let report = report.await.expect("all devices are heard").unwrap();
    assert_eq!(report.unacknowledged, 0);
    assert_eq!(report.uplinks, 2 * fleet.devices.len() as u64, "{report:?}");
}

#[tokio::test]
async fn err_nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = Options { connect_deadline: Duration::from_millis(300), ..options(port) };
    let error = run(fleet(), options, |_| {}, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn err_a_server_that_wants_a_password() {
    let server = Mosquitto::start("allow_anonymous false");
    let error = run(fleet(), options(server.port), |_| {}, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}

#[tokio::test]
async fn err_a_list_that_cannot_be_written() {
    let options = Options { acked_log: Some(std::env::temp_dir()), ..options(1) };
    let error = run(fleet(), options, |_| {}, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, Error::AckLog { .. }), "{error}");
}

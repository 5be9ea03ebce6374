//! Sends the probes over one MQTT connection and notes their acknowledgements.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, QoS};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::probes::{Probes, Way, message, temperature, topic};

const PATIENCE: Duration = Duration::from_secs(20);

/// What has happened on the connection.
#[derive(Debug, Clone, Default)]
struct Progress {
    connected: bool,
    acknowledged: u32,
    failure: Option<String>,
}

/// Numbers of the probes in the order of the channel to the connection; `None` is the announcement.
type Queue = Arc<Mutex<VecDeque<Option<u32>>>>;

/// A connected publisher.
pub struct Publisher {
    client: AsyncClient,
    probes: Probes,
    queue: Queue,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

impl Publisher {
    /// Connects.
    ///
    /// # Errors
    /// When the server does not accept it.
    pub async fn connect(address: SocketAddr, probes: &Probes) -> anyhow::Result<Self> {
        let (client, events) = connection("citybench-probe", address);
        let (sender, progress) = watch::channel(Progress::default());
        let queue = Queue::default();
        let task = tokio::spawn(poll(events, probes.clone(), Arc::clone(&queue), sender));
        let mut publisher = Self { client, probes: probes.clone(), queue, progress, task };
        publisher.wait_until(|progress| progress.connected).await?;
        Ok(publisher)
    }

    /// Sends an uplink that is no probe and waits for its acknowledgement.
    ///
    /// # Errors
    /// When it is not acknowledged.
    pub async fn announce(&mut self) -> anyhow::Result<()> {
        self.publish(None, message(0, 0.0)).await?;
        self.wait_until(|progress| progress.acknowledged > 0).await
    }

    /// Sends all probes, one per `pause`, whatever the acknowledgements do.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send(&self, pause: Duration) -> anyhow::Result<()> {
        let begin = Instant::now();
        for number in 0..self.probes.count() {
            let due = begin + pause * number;
            tokio::time::sleep_until(due.into()).await;
            // Counter 0 belongs to the announcement.
            let message = message(number + 1, temperature(number));
            self.probes.send(number, due);
            self.publish(Some(number), message).await?;
            if let Some(failure) = &self.progress.borrow().failure {
                return Err(anyhow!("the probes' connection: {failure}"));
            }
        }
        Ok(())
    }

    async fn publish(&self, number: Option<u32>, message: Vec<u8>) -> anyhow::Result<()> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(number);
        Ok(self.client.publish(topic(), QoS::AtLeastOnce, false, message).await?)
    }

    async fn wait_until(&mut self, condition: impl Fn(&Progress) -> bool) -> anyhow::Result<()> {
        let reached = self.progress.wait_for(|progress| condition(progress) || progress.failure.is_some());
        let progress = tokio::time::timeout(PATIENCE, reached).await.context("no answer to the probes' connection")??;
        ensure!(progress.failure.is_none(), "the probes' connection: {:?}", progress.failure);
        Ok(())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client whose small packets are sent at once.
pub fn connection(id: &str, address: SocketAddr) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, address.ip().to_string(), address.port());
    options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(1 << 20, 1 << 20).set_inflight(10_000);
    let (client, mut events) = AsyncClient::new(options, 1024);
    let mut network = events.network_options();
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    (client, events)
}

async fn poll(mut events: EventLoop, probes: Probes, queue: Queue, progress: watch::Sender<Progress>) {
    let mut by_packet = std::collections::HashMap::new();
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => progress.send_modify(|progress| progress.connected = true),
            // Packets are written in the order of the channel.
            Ok(Event::Outgoing(Outgoing::Publish(packet))) => {
                let number = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front().flatten();
                by_packet.insert(packet, number);
            }
            Ok(Event::Incoming(Packet::PubAck(ack))) => {
                if let Some(Some(number)) = by_packet.remove(&ack.pkid) {
                    probes.see(number, Way::Acknowledged);
                }
                progress.send_modify(|progress| progress.acknowledged += 1);
            }
            Ok(_) => {}
            Err(error) => return progress.send_modify(|progress| progress.failure = Some(error.to_string())),
        }
    }
}

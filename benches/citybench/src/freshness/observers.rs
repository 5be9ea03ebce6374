//! Those who watch for probes: a follower of the live stream, somebody who asks SQL, a subscriber at a broker.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rumqttc::{Event, Packet, QoS};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::probes::{Probes, Way, number_of, station_name, topic};
use super::publisher::connection;
use crate::http::Http;
use crate::platform::Platform;

const PATIENCE: Duration = Duration::from_secs(20);
const PROPERTY: &str = "air_temperature";

/// Tasks that watch until they are stopped. A task that ends by itself has failed.
pub struct Observers {
    follower: JoinHandle<anyhow::Result<()>>,
    asker: Option<Asker>,
}

/// Somebody who asks SQL until told to stop.
struct Asker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<Vec<f64>>>,
}

impl Observers {
    /// Follows the live stream of the probes' station and asks SQL, both without a key.
    ///
    /// # Errors
    /// When the station is not there or the stream does not open.
    pub async fn of_platform(platform: &Platform, probes: &Probes) -> anyhow::Result<Self> {
        let (station, datastream) = find_station(&platform.http).await?;
        let stream = platform.http.open(&format!("/api/v1/live?property={PROPERTY}&station={station}")).await?;
        let follower = tokio::spawn(follow(stream, probes.clone()));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(ask(platform.http.clone(), datastream, probes.clone(), stopped));
        Ok(Self { follower, asker: Some(Asker { stop, task }) })
    }

    /// Subscribes to the probes at a broker.
    ///
    /// # Errors
    /// When the broker does not accept it.
    pub async fn of_broker(address: SocketAddr, probes: &Probes) -> anyhow::Result<Self> {
        let (ready, is_ready) = oneshot::channel();
        let follower = tokio::spawn(subscribe(address, probes.clone(), ready));
        tokio::time::timeout(PATIENCE, is_ready).await.context("no answer to the subscription")?.context("the subscription failed")?;
        Ok(Self { follower, asker: None })
    }

    /// Ends them and returns how long each SQL question took, ms.
    ///
    /// # Errors
    /// When one had failed.
    pub async fn stop(self) -> anyhow::Result<Vec<f64>> {
        if self.follower.is_finished() {
            self.follower.await??;
            bail!("the stream of probes ended");
        }
        self.follower.abort();
        let Some(asker) = self.asker else { return Ok(Vec::new()) };
        let _ = asker.stop.send(());
        asker.task.await?
    }
}

/// Station and datastream of the probes' temperature, as the public sees them.
async fn find_station(http: &Http) -> anyhow::Result<(i64, i64)> {
    let name = station_name();
    let rows = http.rows(&format!("SELECT thing_id, id FROM datastreams WHERE thing = '{name}' AND property = '{PROPERTY}'")).await?;
    ensure!(rows.len() == 1, "the probes' datastream is not there: {rows:?}");
    let number = |key: &str| rows[0][key].as_i64().with_context(|| format!("no {key}: {rows:?}"));
    Ok((number("thing_id")?, number("id")?))
}

async fn follow(mut stream: reqwest::Response, probes: Probes) -> anyhow::Result<()> {
    let mut text = Vec::new();
    while let Some(piece) = stream.chunk().await? {
        text.extend_from_slice(&piece);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            if let Some(number) = number_in_event(&line) {
                probes.see(number, Way::Live);
            }
        }
    }
    Ok(())
}

/// The probe of a line of the stream, if it is the data of a reading.
fn number_in_event(line: &[u8]) -> Option<u32> {
    let data: Value = serde_json::from_slice(line.strip_prefix(b"data:")?).ok()?;
    number_of(data["value"].as_f64()?)
}

/// Asks for the newest probe, without pause, while one is on its way.
async fn ask(http: Http, datastream: i64, probes: Probes, mut stopped: oneshot::Receiver<()>) -> anyhow::Result<Vec<f64>> {
    let query = format!("SELECT max(result) AS newest FROM observations WHERE datastream_id = {datastream}");
    let mut questions = Vec::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return Ok(questions),
            () = probes.outstanding(Way::Sql) => {}
        }
        let begin = Instant::now();
        let rows = http.rows(&query).await?;
        questions.push(begin.elapsed().as_secs_f64() * 1000.0);
        if let Some(number) = rows.first().and_then(|row| number_of(row["newest"].as_f64()?)) {
            probes.see_up_to(number, Way::Sql);
        }
    }
}

async fn subscribe(address: SocketAddr, probes: Probes, ready: oneshot::Sender<()>) -> anyhow::Result<()> {
    let (client, mut events) = connection("citybench-subscriber", address);
    client.subscribe(topic(), QoS::AtLeastOnce).await?;
    let mut ready = Some(ready);
    loop {
        match events.poll().await? {
            Event::Incoming(Packet::SubAck(_)) => {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(());
                }
            }
            Event::Incoming(Packet::Publish(publish)) => {
                let message: Value = serde_json::from_slice(&publish.payload)?;
                if let Some(number) = message["object"]["temperature"].as_f64().and_then(number_of) {
                    probes.see(number, Way::Live);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readings_of_probes_are_seen_in_the_stream() {
        let line = |text: &str| number_in_event(text.as_bytes());
        assert_eq!(line("data: {\"value\":5.07,\"station\":1}\n"), Some(7));
        assert_eq!(line("data: {\"value\":0.0,\"station\":1}\n"), None);
        assert_eq!(line("id: 12\n"), None);
    }
}

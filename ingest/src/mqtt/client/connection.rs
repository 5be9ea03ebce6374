//! The task that polls: one connection after the other, with growing pauses in between.
//!
//! It does nothing else (pitfalls 7, 8): messages leave by `try_send`, acknowledgements and subscriptions come from other tasks
//! through the request queue of the connection. A poll that is begun is never dropped while its connection is to live on
//! (pitfall 12: dropping it during a handshake would begin the handshake again).
//!
//! A broker that keeps to the window never makes this task wait. One that does not (see `BrokerOptions::max_in_flight`) makes it
//! pause when twice the window is on its way to the disk, so that TCP holds the broker back; never so long that a ping is late.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stadtwarte_model::Clock;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::backoff::Backoff;
use super::delivery::{Ack, Delivery, Queued};
use super::link::{Broker, Incoming, Link, LinkError, LinkEvent};
use super::options::{BrokerOptions, SubscribeQos};
use super::session::Session;
use super::state::{BrokerState, StateCell};
use super::subscriber::{Outcomes, subscribe};
use crate::message::Message;
use crate::mqtt::log_gate::LogGate;
use crate::mqtt::metrics::BrokerMetrics;

/// After so many connections that did not last, the reason says what it usually is.
const SUSPICIOUS_LOSSES: u32 = 3;
/// Time for the goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the polling task works with.
pub(super) struct Runner {
    pub(super) options: Arc<BrokerOptions>,
    pub(super) source: Arc<str>,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) state: Arc<StateCell>,
    pub(super) metrics: BrokerMetrics,
    pub(super) queued: Arc<Queued>,
    /// Places for QoS 1 messages on their way to the disk.
    pub(super) window: Arc<Semaphore>,
    /// Whether messages of QoS 0 were warned of.
    pub(super) is_quality_noted: bool,
    /// How long reading has paused since something was last sent.
    pub(super) paused: Duration,
    /// `None` once shutdown has begun: the delivery task ends when it has worked off the queue.
    pub(super) queue: Option<mpsc::Sender<Delivery>>,
    /// Begin of shutdown.
    pub(super) stopping: CancellationToken,
    /// The log has failed.
    pub(super) failed: CancellationToken,
    /// The delivery task has ended: everything that can be acknowledged is.
    pub(super) drained: CancellationToken,
    pub(super) log: LogGate,
}

/// How one connection ended.
enum End {
    /// Stopped, or the log has failed.
    Stopped,
    Error {
        error: LinkError,
        /// How long it was up.
        lasted: Option<Duration>,
    },
}

impl Runner {
    /// Runs until shutdown, takeover, or failure of the log.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(self.options.min_backoff, self.options.max_backoff);
        let mut losses = 0;
        let mut previous = None;
        let last_state = loop {
            let (error, lasted) = match self.connection(&mut previous).await {
                End::Stopped if self.failed.is_cancelled() => break BrokerState::StoreFailed,
                End::Stopped => break BrokerState::Stopped,
                End::Error { error, lasted } => (error, lasted),
            };
            self.metrics.disconnects.inc();
            if lasted.is_some_and(|lasted| lasted >= self.options.stable_after) {
                backoff.reset();
                losses = 0;
            } else if lasted.is_some() {
                losses += 1;
            }
            match error {
                // Pitfall 19: two clients with one identifier throw each other out for ever; one must give in.
                LinkError::TakenOver => break BrokerState::TakenOver,
                LinkError::Refused(reason) => {
                    backoff.saturate();
                    self.state.set(&BrokerState::Refused { reason });
                }
                LinkError::TooLarge(bytes) => {
                    self.metrics.oversize.inc();
                    // It comes again on every connection, and nothing behind it can be read.
                    backoff.saturate();
                    self.state.disconnected(self.explain_size(bytes));
                }
                LinkError::Lost(reason) => self.state.disconnected(self.explain(reason, losses)),
            }
            // Pitfall 13: the library would try again at once.
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break BrokerState::Stopped,
                () = self.failed.cancelled() => break BrokerState::StoreFailed,
                () = sleep(backoff.pause()) => {}
            }
        };
        // Lets the delivery task work off what is queued.
        self.queue = None;
        self.state.set(&last_state);
    }

    /// A 3.1.1 broker cannot say that another client took over; a connection that never lasts is the sign of it.
    fn explain(&self, reason: String, losses: u32) -> String {
        if losses < SUSPICIOUS_LOSSES {
            return reason;
        }
        format!("{reason} (again soon after connecting; does another client use the identifier `{}`?)", self.options.client_id)
    }

    fn explain_size(&self, bytes: usize) -> String {
        let client_id = &self.options.client_id;
        format!(
            "the broker sends a packet of {bytes} bytes, more than we read; it will come again until the session of `{client_id}` is removed there"
        )
    }

    /// One connection from the first attempt to its end.
    async fn connection(&mut self, previous: &mut Option<Arc<Session>>) -> End {
        let mut link = self.broker.link();
        let session = Arc::new(Session::new(self.state.next_generation(), link.requests()));
        let (subacks_sender, subacks) = mpsc::channel(8);
        let mut subacks = Some(subacks);
        let mut subscriber = None;
        let mut connected_at: Option<Instant> = None;
        self.paused = Duration::ZERO;
        let error = loop {
            let event = tokio::select! {
                biased;
                () = self.stopping.cancelled() => {
                    if connected_at.is_some() {
                        self.drain(link.as_mut(), &session).await;
                    }
                    session.close();
                    return End::Stopped;
                }
                () = self.failed.cancelled() => {
                    session.close();
                    return End::Stopped;
                }
                () = session.kicked().cancelled() => break LinkError::Lost("no answer to the subscription".to_owned()),
                event = link.poll() => event,
            };
            match event {
                Ok(LinkEvent::Connected { session_present }) => {
                    connected_at = Some(Instant::now());
                    self.metrics.connects.inc();
                    let earlier = previous.replace(Arc::clone(&session));
                    if let Some(earlier) = earlier.filter(|_| session_present) {
                        earlier.supersede();
                    }
                    // Pitfalls 3, 5: on every CONNACK, also when the session was present, from another task.
                    if let Some(subacks) = subacks.take() {
                        let task = subscribe(Arc::clone(&session), subacks, Arc::clone(&self.options), Arc::clone(&self.state));
                        subscriber = Some(AbortOnDropHandle::new(tokio::spawn(task)));
                    }
                }
                Ok(LinkEvent::Subscribed(outcomes)) => self.note_subscription(&subacks_sender, outcomes),
                Ok(LinkEvent::Message(incoming)) => {
                    if let Err(error) = self.hand_over(&session, incoming).await {
                        break error;
                    }
                }
                Ok(LinkEvent::Sent) => self.paused = Duration::ZERO,
                Ok(LinkEvent::Other) => {}
                Err(error) => break error,
            }
        };
        drop(subscriber);
        // Before anything else can be connected: from here on no acknowledgement of this connection is sent.
        session.close();
        End::Error { error, lasted: connected_at.map(|at| at.elapsed()) }
    }

    fn note_subscription(&self, subacks: &mpsc::Sender<Outcomes>, outcomes: Outcomes) {
        // Nobody listens once the subscription stands; a broker that floods us with SUBACK fills eight places.
        if subacks.try_send(outcomes).is_err() {
            tracing::debug!(broker = self.options.name, "unexpected SUBACK");
        }
    }

    /// Puts a message into the queue, or says why the connection must end.
    async fn hand_over(&mut self, session: &Arc<Session>, incoming: Incoming) -> Result<(), LinkError> {
        let most = usize::try_from(self.options.max_kept_bytes).unwrap_or(usize::MAX);
        let cut_from = (incoming.size > most).then_some(incoming.payload.len());
        if cut_from.is_some() {
            self.note_oversize(&incoming);
        }
        self.note_quality(&incoming);
        let ack = match incoming.ack {
            None if !self.queued.enter(incoming.size, &self.options) => {
                self.note_drop(&incoming);
                return Ok(());
            }
            None => None,
            Some(id) => Some(Ack { session: Arc::clone(session), id, place: self.place().await? }),
        };
        // A copy, because a slice would hold all of it.
        let payload = if cut_from.is_some() {
            Bytes::copy_from_slice(&incoming.payload[..most.min(incoming.payload.len())])
        } else {
            incoming.payload
        };
        let size = incoming.size;
        let message = Message {
            source: Arc::clone(&self.source),
            topic: incoming.topic,
            payload,
            retained: incoming.retained,
            cut_from,
            is_repeat: incoming.is_repeat,
            received_at: self.clock.now(),
        };
        let Some(queue) = &self.queue else { return Ok(()) };
        match queue.try_send(Delivery { message, ack, size }) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(LinkError::Lost("the queue to the store is full".to_owned())),
            Err(TrySendError::Closed(_)) => {
                // The delivery task is gone: nothing would ever be acknowledged again.
                self.failed.cancel();
                Err(LinkError::Lost("the store has failed".to_owned()))
            }
        }
    }

    /// A place in the window, at once unless the broker ignores it; then the pause is what holds it back.
    async fn place(&mut self) -> Result<OwnedSemaphorePermit, LinkError> {
        let window = Arc::clone(&self.window);
        if let Ok(place) = Arc::clone(&window).try_acquire_owned() {
            return Ok(place);
        }
        let began = Instant::now();
        let left = self.options.max_pause().saturating_sub(self.paused);
        let place = timeout(left, window.acquire_owned()).await;
        self.paused += began.elapsed();
        match place {
            Ok(Ok(place)) => Ok(place),
            _ => Err(LinkError::Lost(format!(
                "the store does not keep up with {} unacknowledged messages; the broker will deliver them again",
                self.options.max_window()
            ))),
        }
    }

    fn note_oversize(&self, incoming: &Incoming) {
        self.metrics.oversize.inc();
        if self.log.admits() {
            let (broker, bytes, max_bytes) = (&self.options.name, incoming.size, self.options.max_kept_bytes);
            tracing::error!(broker, topic = ?incoming.topic, bytes, max_bytes, "only the beginning of a message above the size limit is kept");
        }
    }

    /// A subscription with QoS 1 does not lift messages that were published with less.
    fn note_quality(&mut self, incoming: &Incoming) {
        if incoming.ack.is_some() {
            return;
        }
        self.metrics.at_most_once.inc();
        if self.options.qos == SubscribeQos::AtLeastOnce && !self.is_quality_noted {
            self.is_quality_noted = true;
            let (broker, topic) = (&self.options.name, &incoming.topic);
            tracing::warn!(broker, ?topic, "published with quality of service 0: lost while we are away; ask the publisher for 1");
        }
    }

    fn note_drop(&self, incoming: &Incoming) {
        self.metrics.dropped.inc();
        if self.log.admits() {
            tracing::warn!(broker = self.options.name, topic = ?incoming.topic, "QoS 0 message dropped: the store does not keep up");
        }
    }

    /// Shutdown: takes nothing more, polls on until everything that can be acknowledged is, and says goodbye. The broker keeps the
    /// session and what was not acknowledged.
    async fn drain(&mut self, link: &mut dyn Link, session: &Session) {
        self.queue = None;
        let mut deadline = Instant::now() + self.options.drain_timeout;
        let mut has_said_goodbye = false;
        loop {
            let mut poll = link.poll();
            let event = loop {
                tokio::select! {
                    biased;
                    () = self.drained.cancelled(), if !has_said_goodbye => {
                        has_said_goodbye = true;
                        deadline = Instant::now() + GOODBYE_TIMEOUT;
                        let _ = session.requests.try_disconnect();
                    }
                    event = timeout_at(deadline, &mut poll) => break event,
                }
            };
            drop(poll);
            if !matches!(event, Ok(Ok(_))) {
                return;
            }
        }
    }
}

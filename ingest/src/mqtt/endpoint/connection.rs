//! The loop of one connection after CONNACK.
//!
//! ```text
//!            ┌───────────────────────── one turn ─────────────────────────┐
//! socket ──▶ │ decode what was read ──▶ one batch to the intake           │
//!            │ then the first of: write · batch taken · receipts · read   │ ──▶ one write of all that became ready
//!            └────────────────────────────────────────────────────────────┘
//! ```
//!
//! Everything is polled in that order from one task. Nothing waits for anything else: while the intake makes a batch wait,
//! acknowledgements of earlier batches still leave; while a peer does not take its acknowledgements, the batch still moves on
//! (a batch that is not polled could hold a place in the log's queue that every other connection needs).
//!
//! Back-pressure: nothing is read while a batch is on its way, while the in-flight bounds are reached, or while answers pile
//! up. Keep-alive does not run while we are the ones who do not read.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::auth::Grant;
use super::codec::{AckKind, AckResult, CloseReason, Codec, Decoded, FilterAnswer, Packet, Publish, Qos, Unsendable, Version};
use super::ending::{Cause, Ending};
use super::handshake::Established;
use super::in_flight::{Begin, InFlight, ReceiptMismatch, Release, Slot};
use super::input::Input;
use super::outbound::Outbound;
use super::peer::PeerAddr;
use super::server::Shared;
use super::sessions::SessionPlace;
use super::subscriptions::SubscribeDecision;
use crate::message::{Message, Refusal};
use crate::mqtt::TopicFilter;

/// One connection.
pub(super) struct Connection<S> {
    shared: Arc<Shared>,
    stream: S,
    peer: PeerAddr,
    client_id: String,
    grant: Grant,
    place: SessionPlace,
    codec: Codec,
    input: Input,
    out: Outbound,
    in_flight: InFlight,
    read_at: stadtwarte_model::Timestamp,
    max_silence: Duration,
    last_packet: Instant,
    is_paused: bool,
    ending: Option<Ending>,
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    taken_over: Pin<Box<WaitForCancellationFutureOwned>>,
    timer: Pin<Box<Sleep>>,
}

/// What woke the loop.
enum Event {
    Progress,
    Read(io::Result<usize>),
    End(Cause),
    Broken,
    Mismatch,
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) fn new(shared: &Arc<Shared>, stream: S, peer: PeerAddr, established: Established) -> Self {
        let Established { codec, client_id, grant, place, max_silence, pipelined, connack } = established;
        let mut out = Outbound::default();
        out.buffer().extend_from_slice(&connack);
        let now = Instant::now();
        Self {
            stream,
            peer,
            client_id,
            grant,
            codec,
            input: Input::new(shared.options.read_buffer_bytes, &pipelined),
            out,
            in_flight: InFlight::new(Arc::clone(&shared.total_in_flight_bytes)),
            read_at: shared.clock.now(),
            max_silence,
            last_packet: now,
            is_paused: false,
            ending: None,
            shutdown: Box::pin(shared.shutdown.clone().cancelled_owned()),
            taken_over: Box::pin(place.taken_over().clone().cancelled_owned()),
            timer: Box::pin(sleep_until(now + max_silence)),
            place,
            shared: Arc::clone(shared),
        }
    }

    /// Runs until the connection is closed.
    pub(super) async fn run(mut self) {
        loop {
            self.decode_input();
            match poll_fn(|context| self.poll_event(context)).await {
                Event::Progress => {}
                Event::Read(Ok(0)) => self.end(Cause::PeerClosed),
                Event::Read(Ok(_)) => self.read_at = self.shared.clock.now(),
                Event::Read(Err(_)) | Event::Broken => self.end(Cause::Broken),
                Event::End(cause) => self.end(cause),
                Event::Mismatch => {
                    tracing::error!(peer = %self.peer, client_id = %self.client_id, "intake returned a wrong number of receipts");
                    self.end(Cause::Closed(CloseReason::StoreFailed));
                }
                Event::Over => break,
            }
        }
        self.close().await;
    }

    /// Decodes what was read, as far as there is room, and hands the publishes among it to the intake as one batch.
    fn decode_input(&mut self) {
        if self.in_flight.is_submitting() || self.input.is_empty() {
            return;
        }
        let mut messages = Vec::new();
        let mut slots = Vec::new();
        let mut has_packets = false;
        while self.ending.is_none() && !self.input.is_empty() && self.has_room() {
            let mut unread = self.input.unread();
            let decoded = self.codec.decode(&mut unread);
            let remaining = unread.len();
            self.input.keep_last(remaining);
            match decoded {
                Decoded::Incomplete => {}
                Decoded::Violation(reason) => self.violate(reason),
                Decoded::Packet(packet) => {
                    has_packets = true;
                    if self.receive(packet, &mut messages, &mut slots).is_err() {
                        self.violate(CloseReason::Protocol);
                    }
                }
            }
        }
        if has_packets {
            self.last_packet = Instant::now();
        }
        if !slots.is_empty() {
            let intake = Arc::clone(&self.shared.intake);
            let receipts = Box::pin(async move { if messages.is_empty() { Vec::new() } else { intake.submit(messages).await } });
            self.in_flight.submit(receipts, slots);
        }
    }

    fn receive(&mut self, packet: Packet, messages: &mut Vec<Message>, slots: &mut Vec<Slot>) -> Result<(), Unsendable> {
        match packet {
            Packet::Publish(publish) => self.receive_publish(publish, messages, slots),
            Packet::ResentExactlyOnce(packet_id) => {
                self.shared.metrics.endpoint.resends.inc();
                if self.in_flight.is_received(packet_id) {
                    return self.codec.acknowledge(AckKind::Pubrec, packet_id, AckResult::Stored, self.out.buffer());
                }
            }
            Packet::Pubrel(packet_id) => match self.in_flight.release(packet_id) {
                Release::TooEarly => self.violate(CloseReason::Protocol),
                release => return self.codec.complete(packet_id, release == Release::Known, self.out.buffer()),
            },
            Packet::Subscribe { packet_id, filters } => {
                let answers: Vec<_> = filters.into_iter().map(|filter| self.authorize(filter)).collect();
                return self.codec.suback(packet_id, &answers, self.out.buffer());
            }
            Packet::Unsubscribe { packet_id, filters } => return self.codec.unsuback(packet_id, filters, self.out.buffer()),
            Packet::Pingreq => return self.codec.pingresp(self.out.buffer()),
            Packet::Disconnect => self.end(Cause::PeerDisconnected),
        }
        Ok(())
    }

    fn receive_publish(&mut self, publish: Publish, messages: &mut Vec<Message>, slots: &mut Vec<Slot>) {
        let is_denied = !self.grant.publish.permits(&publish.topic);
        match self.in_flight.begin(&publish, is_denied) {
            Begin::Resend => {
                self.shared.metrics.endpoint.resends.inc();
            }
            Begin::IdentifierInUse => self.violate(CloseReason::Protocol),
            Begin::New(slot) => {
                slots.push(slot);
                if is_denied {
                    self.shared.metrics.endpoint.unauthorized.inc();
                    if self.shared.log.admits() {
                        tracing::warn!(peer = %self.peer, client_id = ?self.client_id, topic = ?publish.topic, "publisher may not use this topic");
                    }
                    return;
                }
                self.shared.metrics.endpoint.publishes.get_or_create(&[("qos", qos_label(publish.qos))]).inc();
                messages.push(Message {
                    source: Arc::clone(&self.shared.options.source),
                    topic: publish.topic,
                    payload: publish.payload,
                    // The flag asks the server to keep a copy; the message itself is as fresh as any.
                    retained: false,
                    cut_from: None,
                    is_repeat: publish.is_repeat,
                    received_at: self.read_at,
                });
            }
        }
    }

    fn authorize(&self, filter: String) -> FilterAnswer {
        let Ok(filter) = TopicFilter::try_new(filter) else { return FilterAnswer::Invalid };
        match self.shared.subscriptions.authorize(&self.grant.principal, &filter) {
            SubscribeDecision::Refuse => FilterAnswer::NotAuthorized,
            SubscribeDecision::GrantAtMostOnce => FilterAnswer::AtMostOnce,
        }
    }

    /// Whether one more packet may be decoded.
    fn has_room(&self) -> bool {
        let options = &self.shared.options;
        let bound = usize::from(options.max_in_flight);
        // MQTT 5 publishers are held by Receive Maximum, which the codec enforces; only their QoS 0 needs our bound. Their
        // pings must be answered also while the window is full.
        let counted = match self.codec.version() {
            Version::V3 => self.in_flight.len(),
            Version::V5 => self.in_flight.at_most_once(),
        };
        counted < bound
            && self.in_flight.bytes() < options.max_in_flight_bytes
            && self.out.len() <= options.max_outbound_bytes
            // With nothing in flight there is no receipt that would wake us, so such a connection may always go on.
            && (self.in_flight.len() == 0
                || self.shared.total_in_flight_bytes.load(Ordering::Relaxed) < options.max_total_in_flight_bytes)
    }

    fn may_read(&self) -> bool {
        self.ending.is_none() && self.input.is_empty() && !self.in_flight.is_submitting() && self.has_room()
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if self.ending.is_none() {
            if self.shutdown.as_mut().poll(context).is_ready() {
                return Poll::Ready(Event::End(Cause::Closed(CloseReason::ShuttingDown)));
            }
            if self.taken_over.as_mut().poll(context).is_ready() {
                return Poll::Ready(Event::End(Cause::Closed(CloseReason::TakenOver)));
            }
        }
        let can_write = self.ending.is_none_or(Ending::can_write);
        if can_write && let Poll::Ready(Err(_)) = self.out.poll_write(context, &mut self.stream) {
            return Poll::Ready(Event::Broken);
        }
        match self.in_flight.poll_submitted(context) {
            Poll::Ready(Ok(())) => return Poll::Ready(Event::Progress),
            Poll::Ready(Err(ReceiptMismatch)) => return Poll::Ready(Event::Mismatch),
            Poll::Pending => {}
        }
        let mut has_settled = false;
        while self.ending.is_none_or(|ending| ending.settles)
            && let Poll::Ready((slot, result)) = self.in_flight.poll_settled(context)
        {
            self.settle(&slot, result);
            has_settled = true;
        }
        if has_settled {
            return Poll::Ready(Event::Progress);
        }
        if self.may_read() {
            if self.is_paused {
                self.is_paused = false;
                self.last_packet = Instant::now();
            }
            if let Poll::Ready(read) = self.input.poll_fill(context, &mut self.stream) {
                return Poll::Ready(Event::Read(read));
            }
        } else {
            self.is_paused = true;
        }
        self.poll_time(context)
    }

    /// Deadlines: keep-alive while we read, a peer that does not take what we write, and the end.
    fn poll_time(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        loop {
            let now = Instant::now();
            let stalled = self.out.stalled_since().map(|since| since + self.shared.options.write_timeout);
            let wake_at = if let Some(ending) = self.ending {
                let is_drained = !self.in_flight.is_submitting()
                    && (!ending.settles || self.in_flight.len() == 0)
                    && (self.out.is_idle() || !ending.can_write());
                if (is_drained && now >= ending.hold_until) || now >= ending.deadline {
                    return Poll::Ready(Event::Over);
                }
                if is_drained { ending.hold_until } else { ending.deadline }
            } else {
                if stalled.is_some_and(|at| now >= at) {
                    return Poll::Ready(Event::End(Cause::WriteStalled));
                }
                let silent = (!self.is_paused).then(|| self.last_packet + self.max_silence);
                if silent.is_some_and(|at| now >= at) {
                    return Poll::Ready(Event::End(Cause::Closed(CloseReason::KeepAliveTimeout)));
                }
                match (stalled, silent) {
                    (Some(one), Some(other)) => one.min(other),
                    (Some(at), None) | (None, Some(at)) => at,
                    // Paused, and the peer reads: receipts wake us.
                    (None, None) => return Poll::Pending,
                }
            };
            // The timer is moved only when it would ring too late or rang too early; busy connections leave it alone.
            if self.timer.deadline() > wake_at || self.timer.is_elapsed() {
                self.timer.as_mut().reset(wake_at);
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Answers one message whose receipt came.
    fn settle(&mut self, slot: &Slot, result: Result<(), Refusal>) {
        let metrics = &self.shared.metrics.endpoint;
        let answer = match result {
            _ if slot.is_denied => AckResult::NotAuthorized,
            Ok(()) => AckResult::Stored,
            Err(Refusal::Retry) => {
                metrics.refusals.get_or_create(&[("reason", "retry")]).inc();
                // No negative acknowledgement, also in MQTT 5: the publisher would take the message for settled and drop it.
                if slot.ack.is_some() {
                    self.end(Cause::Refused);
                }
                return;
            }
            Err(Refusal::Fatal) => {
                metrics.refusals.get_or_create(&[("reason", "fatal")]).inc();
                return self.end(Cause::Closed(CloseReason::StoreFailed));
            }
        };
        let Some((kind, packet_id)) = slot.ack else { return };
        if answer == AckResult::Stored {
            metrics.acks.inc();
        } else if self.codec.version() == Version::V3 {
            return self.end(Cause::Refused);
        }
        if self.codec.acknowledge(kind, packet_id, answer, self.out.buffer()).is_err() {
            self.violate(CloseReason::Protocol);
        }
    }

    fn violate(&mut self, reason: CloseReason) {
        let metrics = &self.shared.metrics.endpoint;
        if reason == CloseReason::PacketTooLarge {
            metrics.oversize.inc();
        } else {
            metrics.protocol_errors.inc();
        }
        if self.shared.log.admits() {
            let (peer, client_id, max_packet_bytes) = (&self.peer, &self.client_id, self.shared.options.max_packet_bytes);
            if reason == CloseReason::PacketTooLarge {
                tracing::warn!(%peer, ?client_id, max_packet_bytes, "MQTT packet above the size limit, connection closed");
            } else {
                tracing::warn!(%peer, ?client_id, ?reason, "MQTT protocol violation, connection closed");
            }
        }
        self.end(Cause::Closed(reason));
    }

    /// Begins the end, or makes one that is under way stricter.
    fn end(&mut self, cause: Cause) {
        let new = Ending::new(cause, &self.shared.options);
        if let Some(ending) = &mut self.ending {
            ending.tighten(new);
        } else {
            self.ending = Some(new);
            self.count(cause);
        }
    }

    fn count(&self, cause: Cause) {
        let metrics = &self.shared.metrics.endpoint;
        match cause {
            Cause::WriteStalled => metrics.write_timeouts.inc(),
            Cause::Closed(CloseReason::TakenOver) => metrics.takeovers.inc(),
            Cause::Closed(CloseReason::KeepAliveTimeout) => metrics.keep_alive_timeouts.inc(),
            _ => 0,
        };
        tracing::debug!(peer = %self.peer, client_id = ?self.client_id, ?cause, "MQTT connection ends");
    }

    /// Says goodbye, and throws away what still comes, so that the peer reads the goodbye instead of a reset connection.
    async fn close(mut self) {
        // The client identifier is free as soon as nothing more of this client is handed on.
        drop(self.place);
        let Some(ending) = self.ending else { return };
        if !ending.can_write() {
            return;
        }
        match ending.cause {
            Cause::Closed(reason) => self.codec.disconnect(reason, self.out.buffer()),
            Cause::Refused => self.codec.disconnect(CloseReason::QuotaExceeded, self.out.buffer()),
            _ => {}
        }
        let options = &self.shared.options;
        let goodbye = async {
            poll_fn(|context| self.out.poll_write(context, &mut self.stream)).await?;
            self.stream.shutdown().await
        };
        if !matches!(timeout(options.write_timeout, goodbye).await, Ok(Ok(()))) {
            return;
        }
        if matches!(ending.cause, Cause::Closed(_) | Cause::Refused) {
            linger(&mut self.stream, options.linger_timeout).await;
        }
    }
}

/// Reads and drops until the peer closes or the time is over.
pub(super) async fn linger<S: AsyncRead + Unpin>(stream: &mut S, limit: Duration) {
    let mut waste = [0; 4096];
    let drain = async { while matches!(stream.read(&mut waste).await, Ok(1..)) {} };
    let _ = timeout(limit, drain).await;
}

fn qos_label(qos: Qos) -> &'static str {
    match qos {
        Qos::AtMostOnce => "0",
        Qos::AtLeastOnce => "1",
        Qos::ExactlyOnce => "2",
    }
}

//! From the first byte to CONNACK. Until then a stranger gets `max_connect_bytes`, `connect_timeout` and nothing else.
//!
//! ```text
//! read one CONNECT ──▶ guards 1, 2 ──▶ decode ──▶ client identifier ──▶ login ──▶ takeover ──▶ CONNACK
//! ```
//!
//! Guard 3: what the client sent behind its CONNECT stays in the buffer until the login is decided.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::auth::{Decision, Grant, Login, LoginRefusal};
use super::codec::{self, Accepted, Codec, Connect, ConnectRefusal, Limits, Version};
use super::guard::{self, FirstPacket};
use super::peer::PeerAddr;
use super::server::Shared;
use super::sessions::SessionPlace;

/// A client that was let in.
pub(super) struct Established {
    pub(super) codec: Codec,
    pub(super) client_id: String,
    pub(super) grant: Grant,
    pub(super) place: SessionPlace,
    /// Silence after which the connection is closed: one and a half keep-alives.
    pub(super) max_silence: Duration,
    /// What came behind CONNECT.
    pub(super) pipelined: BytesMut,
    /// CONNACK, to be written first.
    pub(super) connack: Vec<u8>,
}

/// A client that was not let in.
#[derive(Debug)]
pub(super) struct TurnedAway {
    /// Label of the counter.
    pub(super) reason: &'static str,
    /// For the log.
    pub(super) detail: &'static str,
    /// CONNACK, when there is one for this case.
    pub(super) answer: Vec<u8>,
}

/// One read while CONNECT is awaited.
const CHUNK_BYTES: usize = 4096;

/// Reads CONNECT and decides. `None` when the peer went away.
pub(super) async fn establish<S>(shared: &Shared, stream: &mut S, peer: &PeerAddr) -> Option<Result<Established, TurnedAway>>
where
    S: AsyncRead + Unpin,
{
    let options = &shared.options;
    let mut buffer = BytesMut::new();
    let first = match timeout(options.connect_timeout, read_connect(stream, &mut buffer, options.max_connect_bytes)).await {
        Ok(Some(first)) => first,
        Ok(None) => return None,
        Err(_) => return Some(Err(turn_away("timeout", "no complete CONNECT in time"))),
    };
    let (len, level) = match first {
        FirstPacket::Connect { len, level } => (len, level),
        FirstPacket::TooLarge => {
            shared.metrics.endpoint.oversize.inc();
            return Some(Err(turn_away("protocol", "CONNECT above max_connect_bytes")));
        }
        FirstPacket::NotConnect | FirstPacket::Incomplete => return Some(Err(turn_away("protocol", "first packet is not CONNECT"))),
    };
    let version = match level {
        4 => Version::V3,
        5 => Version::V5,
        _ => return Some(Err(refuse(level, ConnectRefusal::ProtocolLevel, "protocol", "neither MQTT 3.1.1 nor 5"))),
    };
    let mut packet = buffer.split_to(len);
    guard::neutralise_topic_alias_maximum(&mut packet);
    let limits = Limits { max_packet_bytes: options.max_packet_bytes, max_in_flight: options.max_in_flight };
    let (codec, connect) = match Codec::open(version, &packet, limits) {
        Ok(opened) => opened,
        Err(Some(refusal)) => return Some(Err(refuse(level, refusal, "protocol", "CONNECT is not acceptable"))),
        Err(None) => return Some(Err(turn_away("protocol", "CONNECT is malformed"))),
    };
    Some(admit(shared, peer, level, codec, connect, buffer).await)
}

async fn read_connect<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut, max_bytes: usize) -> Option<FirstPacket> {
    loop {
        match guard::first_packet(buffer, max_bytes) {
            FirstPacket::Incomplete => {}
            decided => return Some(decided),
        }
        match stream.read_buf(&mut buffer.limit(CHUNK_BYTES)).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

async fn admit(
    shared: &Shared,
    peer: &PeerAddr,
    level: u8,
    mut codec: Codec,
    connect: Connect,
    pipelined: BytesMut,
) -> Result<Established, TurnedAway> {
    let options = &shared.options;
    if connect.wants_enhanced_auth {
        return Err(refuse(level, ConnectRefusal::EnhancedAuth, "login", "enhanced authentication is not supported"));
    }
    let assigned = if connect.client_id.is_empty() {
        // 3.1.3-8: a 3.1.1 client without an identifier must ask for a clean session; MQTT 5 dropped the rule.
        if codec.version() == Version::V3 && !connect.clean {
            return Err(refuse(level, ConnectRefusal::ClientId, "client_id", "no client identifier and no clean session"));
        }
        Some(shared.sessions.assign_client_id())
    } else {
        None
    };
    if connect.client_id.len() > options.max_client_id_bytes {
        return Err(refuse(level, ConnectRefusal::ClientId, "client_id", "client identifier above max_client_id_bytes"));
    }
    let client_id = assigned.as_deref().unwrap_or(&connect.client_id);
    let login = Login { peer, client_id, username: connect.username.as_deref(), password: connect.password.as_deref() };
    let grant = match timeout(options.connect_timeout, shared.authenticator.authenticate(login)).await {
        Ok(Decision::Accept(grant)) => grant,
        Ok(Decision::Refuse(LoginRefusal::BadCredentials)) => {
            return Err(refuse(level, ConnectRefusal::BadCredentials, "login", "bad user name or password"));
        }
        Ok(Decision::Refuse(LoginRefusal::NotAuthorized)) => {
            return Err(refuse(level, ConnectRefusal::NotAuthorized, "login", "a credential is needed"));
        }
        Ok(Decision::Refuse(LoginRefusal::Unavailable)) | Err(_) => {
            return Err(refuse(level, ConnectRefusal::Unavailable, "unavailable", "credentials cannot be checked now"));
        }
    };
    let place = shared.sessions.open(grant.principal.name(), client_id);
    let default_keep_alive = u16::try_from(options.default_keep_alive.as_secs()).unwrap_or(u16::MAX);
    let server_keep_alive = (connect.keep_alive == 0).then_some(default_keep_alive);
    let keep_alive = Duration::from_secs(server_keep_alive.unwrap_or(connect.keep_alive).into());
    let accepted = Accepted { assigned_client_id: assigned.as_deref(), server_keep_alive, wants_session_kept: connect.wants_session_kept };
    let mut connack = Vec::new();
    if codec.accept(&accepted, &mut connack).is_err() {
        return Err(turn_away("protocol", "the client takes no packet as large as CONNACK"));
    }
    let client_id = assigned.unwrap_or(connect.client_id);
    Ok(Established { codec, client_id, grant, place, max_silence: keep_alive * 3 / 2, pipelined, connack })
}

fn turn_away(reason: &'static str, detail: &'static str) -> TurnedAway {
    TurnedAway { reason, detail, answer: Vec::new() }
}

fn refuse(level: u8, refusal: ConnectRefusal, reason: &'static str, detail: &'static str) -> TurnedAway {
    let mut answer = Vec::new();
    codec::refusal(level, refusal, &mut answer);
    TurnedAway { reason, detail, answer }
}

//! Real connections: what only shows on the wire.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::ws::WebSocket;
use futures::future::BoxFuture;
use serde_json::json;
use stadtwarte_query::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::harness::{City, DEADLINE};
use crate::{ApiOptions, MqttUpgrade, ServeError, serve};

struct Served {
    city: City,
    address: SocketAddr,
    server: JoinHandle<Result<(), ServeError>>,
}

impl Served {
    async fn start(city: City) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let options = &city.options;
        let server = tokio::spawn(serve(listener, city.app.clone(), options.limits.clone(), options.shutdown.clone()));
        Self { city, address, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request and reads to the end of the connection.
    async fn raw(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A reset ends the connection as well.
        let _ = timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("in time");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn sql(&self, sql: &str, headers: &str) -> String {
        let length = sql.len();
        let head = format!("POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sql\r\nConnection: close\r\n{headers}");
        self.raw(&format!("{head}Content-Length: {length}\r\n\r\n{sql}")).await
    }
}

async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0_u8; 4096];
    while !text.contains(wanted) {
        let length = timeout(DEADLINE, stream.read(&mut buffer)).await.expect("in time").unwrap();
        assert!(length > 0, "the connection ended before {wanted:?}: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    text
}

const MANY: &str = "SELECT value, 'some more text to fill the buffers with' AS text FROM generate_series(1, 3000000)";

fn one_query_at_a_time() -> Limits {
    Limits { concurrent: 1, max_wait: Duration::from_secs(10), ..Limits::default() }
}

#[tokio::test]
async fn a_request_over_the_wire_is_answered() {
    let served = Served::start(City::new().await.filled().await).await;
    let text = served.raw("GET /api/v1/town HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("Auenstadt"), "{text}");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let city = City::with(|options| options.limits.header_timeout = Duration::from_millis(100), Limits::default()).await;
    let served = Served::start(city).await;
    for beginning in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let text = served.raw(beginning).await;
        assert!(!text.contains("200 OK"), "{text}");
    }
}

#[tokio::test]
async fn an_error_after_the_beginning_breaks_the_connection() {
    let served = Served::start(City::new().await).await;
    // Far behind what is computed before the first byte leaves, and before the limit on rows.
    let text = served.sql("SELECT value, 1 / (value - 500000) AS x FROM generate_series(1, 600000)", "").await;
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{}", &text[..text.len().min(300)]);
    assert!(!text.ends_with("0\r\n\r\n"), "a broken answer must not look whole");
    let whole = served.sql("SELECT value FROM generate_series(1, 100000)", "").await;
    assert!(whole.ends_with("0\r\n\r\n"), "a whole one does");
}

#[tokio::test]
async fn a_streamed_answer_with_too_many_rows_is_broken_off() {
    let city = City::with(|_| {}, Limits { public_rows: 50_000, ..Limits::default() }).await;
    let served = Served::start(city).await;
    let whole = served.sql("SELECT value FROM generate_series(1, 40000)", "").await;
    assert!(whole.contains("\r\nx-row-limit: 50000\r\n") && whole.ends_with("0\r\n\r\n"), "{}", &whole[whole.len() - 200..]);
    // How many rows there are is not known before they are computed.
    let broken = served.sql("SELECT value FROM generate_series(1, 70000) WHERE value % 7 <> 9", "").await;
    assert!(broken.starts_with("HTTP/1.1 200") && !broken.ends_with("0\r\n\r\n"), "{}", &broken[broken.len() - 200..]);
}

/// Waits until so many queries run.
async fn running(served: &Served, queries: usize) {
    let wait = async {
        while served.city.engine.running() != queries {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, wait).await.expect("in time");
}

#[tokio::test]
async fn a_query_ends_with_its_client() {
    let city = City::with(|_| {}, one_query_at_a_time()).await;
    let served = Served::start(city).await;
    let endless = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a.value + b.value = 0";
    let mut stream = served.connect().await;
    let request = format!(
        "POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sql\r\nContent-Length: {}\r\n\r\n{endless}",
        endless.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    running(&served, 1).await;
    drop(stream);
    // Long before the time limit of the query.
    running(&served, 0).await;
    assert_eq!(served.city.sql("SELECT 1 AS one", &[]).await.json(), json!([{ "one": 1 }]));
}

#[tokio::test]
async fn a_reader_who_stands_still_loses_the_query() {
    let city = City::with(|options| options.limits.sql_stall = Duration::from_millis(100), one_query_at_a_time()).await;
    let served = Served::start(city).await;
    let mut stream = served.connect().await;
    let request =
        format!("POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sql\r\nContent-Length: {}\r\n\r\n{MANY}", MANY.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut stream, "200 OK").await;
    let reply = served.city.sql("SELECT 1 AS one", &[]).await;
    assert_eq!(reply.json(), json!([{ "one": 1 }]), "the slot is free again");
    let mut rest = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("in time");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "and the answer does not look whole");
}

#[tokio::test]
async fn a_connection_whose_reader_stands_still_is_closed() {
    let change = |options: &mut ApiOptions| {
        options.limits.write_timeout = Duration::from_millis(100);
        options.limits.sql_stall = Duration::from_mins(1);
    };
    let served = Served::start(City::with(change, one_query_at_a_time()).await).await;
    let mut stream = served.connect().await;
    let request =
        format!("POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sql\r\nContent-Length: {}\r\n\r\n{MANY}", MANY.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut stream, "200 OK").await;
    assert_eq!(served.city.sql("SELECT 1 AS one", &[]).await.status, 200, "the query went with the connection");
}

#[tokio::test]
async fn shutting_down_ends_streams_and_lets_requests_finish() {
    let served = Served::start(City::new().await).await;
    let mut live = served.connect().await;
    live.write_all(b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut live, "retry: 2000").await;
    let idle = served.connect().await;
    served.city.options.shutdown.cancel();
    let mut rest = Vec::new();
    timeout(DEADLINE, live.read_to_end(&mut rest)).await.expect("in time").unwrap();
    timeout(DEADLINE, served.server).await.expect("in time").unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody is let in any more");
    drop(idle);
}

#[tokio::test]
async fn a_request_that_does_not_finish_is_cut_at_the_deadline() {
    let change = |options: &mut ApiOptions| {
        options.limits.shutdown_timeout = Duration::from_millis(50);
        options.limits.body_timeout = Duration::from_mins(1);
    };
    let served = Served::start(City::with(change, Limits::default()).await).await;
    let mut stream = served.connect().await;
    stream
        .write_all(
            b"POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sql\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        )
        .await
        .unwrap();
    read_until(&mut stream, "100 Continue").await;
    served.city.options.shutdown.cancel();
    timeout(DEADLINE, served.server).await.expect("in time").unwrap().unwrap();
}

#[tokio::test]
async fn more_connections_than_allowed_wait_their_turn() {
    let city = City::with(|options| options.limits.max_connections = 1, Limits::default()).await;
    let served = Served::start(city).await;
    let mut first = served.connect().await;
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut first, "alive").await;
    let mut second = served.connect().await;
    second.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(200), second.read(&mut byte)).await.is_err(), "no answer while the first is open");
    drop(first);
    read_until(&mut second, "alive").await;
}

const HANDSHAKE: &str =
    "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The next frame of a server: its opcode and payload.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let next = async {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.unwrap();
        let length = match head[1] {
            126 => usize::from(stream.read_u16().await.unwrap()),
            127 => usize::try_from(stream.read_u64().await.unwrap()).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.unwrap();
        (head[0] & 0x0f, payload)
    };
    timeout(DEADLINE, next).await.expect("a frame in time")
}

/// Reads exactly the head of the answer to a handshake.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(timeout(DEADLINE, stream.read_u8()).await.expect("in time").unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_websocket_carries_the_same_events() {
    let city = City::new().await;
    let first = city.number(1, 1, 1.0).await;
    let missed = city.number(1, 2, 2.0).await;
    let served = Served::start(city).await;
    let mut stream = served.connect().await;
    let path = format!("/api/v1/live/ws?property=air_temperature&last_event_id={first}");
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{HANDSHAKE}\r\n").as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 101"));
    served.city.number(2, 3, 1.0).await;
    let second = served.city.number(1, 3, 3.0).await;
    for (id, value) in [(missed, 2.0), (second, 3.0)] {
        let (opcode, payload) = frame(&mut stream).await;
        let event: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(
            (opcode, &event["event"], &event["id"], &event["data"]["value"]),
            (1, &json!("reading"), &json!(id.to_string()), &json!(value))
        );
    }
    served.city.options.shutdown.cancel();
    let (opcode, payload) = frame(&mut stream).await;
    assert_eq!((opcode, &payload[..2]), (8, &1001_u16.to_be_bytes()[..]), "closed as going away");
}

#[tokio::test]
async fn a_websocket_is_refused_like_any_request() {
    let served = Served::start(City::new().await).await;
    for (line, status) in [("/api/v1/live/ws?bbox=1", "400"), ("/api/v1/live/ws?nonsense=1", "400"), ("/mqtt", "404")] {
        let text =
            served.raw(&format!("GET {line} HTTP/1.1\r\n{HANDSHAKE}Sec-WebSocket-Protocol: mqtt\r\nConnection: close\r\n\r\n")).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")) && text.contains("application/problem+json"), "{line}: {text}");
    }
    let text = served.raw("GET /api/v1/live/ws HTTP/1.1\r\nHost: x\r\nX-Api-Key: swk_a_b\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 401"), "{text}");
}

#[derive(Default)]
struct Echo(Mutex<Option<SocketAddr>>);

impl MqttUpgrade for Echo {
    fn serve(&self, mut socket: WebSocket, peer: SocketAddr) -> BoxFuture<'static, ()> {
        *self.0.lock().unwrap() = Some(peer);
        Box::pin(async move {
            while let Some(Ok(message)) = socket.recv().await {
                let _ = socket.send(message).await;
            }
        })
    }
}

#[tokio::test]
async fn mqtt_gets_the_socket_when_its_subprotocol_is_offered() {
    let echo = Arc::new(Echo::default());
    let mqtt = Arc::clone(&echo);
    let served = Served::start(City::with(move |options| options.mqtt_websocket = Some(mqtt), Limits::default()).await).await;
    let refused = served.raw(&format!("GET /mqtt HTTP/1.1\r\n{HANDSHAKE}Connection: close\r\n\r\n")).await;
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("Sec-WebSocket-Protocol"), "{refused}");

    let mut stream = served.connect().await;
    stream.write_all(format!("GET /mqtt HTTP/1.1\r\n{HANDSHAKE}Sec-WebSocket-Protocol: mqtt\r\n\r\n").as_bytes()).await.unwrap();
    let accepted = head(&mut stream).await;
    assert!(accepted.starts_with("HTTP/1.1 101") && accepted.contains("sec-websocket-protocol: mqtt"), "{accepted}");
    // A masked binary frame of two bytes, with a mask of zeros.
    stream.write_all(&[0x82, 0x82, 0, 0, 0, 0, 0x10, 0x20]).await.unwrap();
    assert_eq!(frame(&mut stream).await, (2, vec![0x10, 0x20]));
    assert_eq!(*echo.0.lock().unwrap(), Some(stream.local_addr().unwrap()), "the client's own address");
}

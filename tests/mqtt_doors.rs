//! The ways in for MQTT besides plain TCP: WebSocket, and brokers behind TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::broker::{Mosquitto, free_address};
use crate::harness::eventually;
use crate::harness::publisher::publish;
use crate::harness::server::Server;
use crate::harness::uplinks::{chirpstack, climate};

const CONNACK_ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];
const CONNACK_NOT_AUTHORIZED: [u8; 4] = [0x20, 2, 0, 5];

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream
}

fn string(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

/// A packet of 3.1.1 of up to 16,383 bytes.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (low, high) = (u8::try_from(body.len() % 128).unwrap(), u8::try_from(body.len() / 128).unwrap());
    [&[first, low | 0x80, high], body].concat()
}

/// CONNECT of client `same` with a key as password.
fn connect(key: Option<&str>) -> Vec<u8> {
    let flags = if key.is_some() { 0xc2 } else { 2 };
    let login = key.map(|key| [string("gateway"), string(key)].concat()).unwrap_or_default();
    packet(0x10, &[string("MQTT"), vec![4, flags, 0, 60], string("same"), login].concat())
}

/// PUBLISH with quality of service 1 and identifier 1.
fn uplink(number: u32) -> Vec<u8> {
    let (topic, payload) = chirpstack(number, 1, &climate(21.5, 48.0));
    packet(0x32, &[string(&topic), vec![0, 1], payload].concat())
}

fn temperatures(server: &Server) -> Option<i64> {
    server.rows("SELECT count(*) AS n FROM readings WHERE property = 'air_temperature'", None)[0]["n"].as_i64()
}

/// Opens a WebSocket for MQTT.
fn upgrade(server: &Server) -> TcpStream {
    let mut stream = dial(server.http);
    let head = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// A frame of a client, with a mask of zeros. `opcode` 2 is binary, 8 the goodbye.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0x80 | opcode, 0x80 | 0x7e], &len[..], &[0; 4], payload].concat()
}

/// The next frame of the server, which are all short.
fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame in time");
    let mut payload = vec![0; head[1].into()];
    stream.read_exact(&mut payload).unwrap();
    (head[0] & 0x0f, payload)
}

#[test]
fn an_uplink_over_websocket_is_acknowledged_and_stored_and_the_goodbye_is_answered() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let key = server.key("operator");
    let mut stream = upgrade(&server);
    stream.write_all(&frame(2, &connect(Some(&key)))).unwrap();
    assert_eq!(read_frame(&mut stream), (2, CONNACK_ACCEPTED.to_vec()));
    // A packet may begin and end anywhere in frames.
    let bytes = uplink(1);
    for piece in bytes.chunks(300) {
        stream.write_all(&frame(2, piece)).unwrap();
    }
    assert_eq!(read_frame(&mut stream), (2, vec![0x40, 2, 0, 1]));
    assert_eq!(temperatures(&server), Some(1), "acknowledged is stored");
    stream.write_all(&frame(8, &1000_u16.to_be_bytes())).unwrap();
    assert_eq!(read_frame(&mut stream).0, 8);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "and the connection is closed");
}

#[test]
fn a_page_in_a_browser_on_this_machine_needs_a_key() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let mut stream = upgrade(&server);
    stream.write_all(&frame(2, &connect(None))).unwrap();
    assert_eq!(read_frame(&mut stream), (2, CONNACK_NOT_AUTHORIZED.to_vec()));
}

#[test]
fn a_publisher_does_not_end_the_connection_of_another_key_by_taking_its_names() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let mut connections = [server.key("operator"), server.key("operator")].map(|key| {
        let mut stream = dial(server.mqtt);
        stream.write_all(&connect(Some(&key))).unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, CONNACK_ACCEPTED);
        stream
    });
    for (number, stream) in (1..).zip(&mut connections) {
        stream.write_all(&uplink(number)).unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).expect("the connection is open");
        assert_eq!(answer, [0x40, 2, 0, 1]);
    }
}

/// A certificate authority `ca.crt`, and a certificate for `localhost` that it signed.
fn certificates(folder: &std::path::Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("server.ext"), "subjectAltName=DNS:localhost\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for arguments in [
        format!("req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=test"),
        format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"),
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile server.ext".to_owned(),
    ] {
        let made = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output();
        assert!(made.expect("openssl is installed (apt-get install openssl)").status.success(), "{arguments}");
    }
}

#[test]
fn an_uplink_comes_from_a_broker_over_tls() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("broker");
    certificates(&home);
    let encrypted = free_address();
    let dir = home.display();
    let lines =
        format!("listener {} 127.0.0.1\ncafile {dir}/ca.crt\ncertfile {dir}/server.crt\nkeyfile {dir}/server.key", encrypted.port());
    let broker = Mosquitto::start_with(&home, None, &lines);
    let settings = format!(
        "[[broker]]\nname = \"lns\"\nurl = \"mqtts://localhost:{}\"\nclient_id = \"stadtwarte-test\"\n\
         topics = [\"application/+/device/+/event/up\"]\nca_file = \"{dir}/ca.crt\"\n",
        encrypted.port()
    );
    let server = Server::start_with(&folder, &settings, &[]);
    eventually("the broker to be subscribed", || server.json("/readyz").to_string().contains("\"pass\"").then_some(()));
    eventually("the uplink to arrive", || {
        publish(broker.address, &[chirpstack(1, 1, &climate(20.0, 50.0))]);
        (temperatures(&server) == Some(1)).then_some(())
    });
    let key = server.key("operator");
    assert_eq!(server.rows("SELECT DISTINCT source FROM uplinks", Some(&key)), [json!({ "source": "lns" })]);
}

//! `mqtts://` against a real Mosquitto with certificates made on the spot.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;

use super::{quick, reach, spawn, subscribed};
use crate::mqtt::client::{BrokerOptions, BrokerState, Protocol, TlsOptions};
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::testing::mosquitto::{Mosquitto, Setup};
use crate::mqtt::{Client, MqttMetrics};

/// As the binary does at start. Tests share a process: all but the first are told that there is one already.
pub(in crate::mqtt::client) fn install_provider() {
    let _ = aws_lc_rs::default_provider().install_default();
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output();
    let output = output.expect("openssl is needed for this test: apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate authority `ca`, certificates `server` for `localhost` and `client` that it signed, and the authority `other`.
pub(in crate::mqtt::client) fn certificates_in(folder: &Path) {
    std::fs::write(folder.join("server.ext"), "subjectAltName=DNS:localhost\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["ca", "other"] {
        openssl(folder, &format!("req -x509 {key} -keyout {name}.key -out {name}.crt -days 2 -subj /CN=test-authority-{name}"));
    }
    for (name, subject) in [("server", "localhost"), ("client", "stadtwarte")] {
        openssl(folder, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={subject}"));
        let sign = "-CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext";
        openssl(folder, &format!("x509 -req -in {name}.csr -out {name}.crt {sign}"));
    }
}

/// A broker with a certificate of `ca`, and perhaps one that demands certificates of its clients.
async fn broker(more: &[&str]) -> Mosquitto {
    install_provider();
    let files = ["cafile DIR/ca.crt", "certfile DIR/server.crt", "keyfile DIR/server.key"];
    let lines = files.iter().chain(more).map(|line| (*line).to_owned()).collect();
    let mut broker = Mosquitto::prepare(Setup { lines, ..Setup::default() });
    certificates_in(&broker.path(""));
    broker.restart().await;
    broker
}

fn options(broker: &Mosquitto, tls: TlsOptions) -> BrokerOptions {
    BrokerOptions { tls, ..quick("tls", &format!("mqtts://localhost:{}", broker.port), "c") }
}

#[tokio::test]
async fn messages_come_over_tls_from_a_broker_whose_authority_is_named() {
    let broker = broker(&[]).await;
    let ca_file = |name: &str| TlsOptions { ca_file: Some(broker.path(name)), ..TlsOptions::default() };
    for protocol in [Protocol::V3, Protocol::V5] {
        let intake = Arc::new(FakeIntake::immediate());
        let trusting = BrokerOptions { protocol, ..options(&broker, ca_file("ca.crt")) };
        let client = spawn(trusting, &intake, &MqttMetrics::default());
        subscribed(&client).await;
        let certificate = broker.path("ca.crt").display().to_string();
        broker.publish_with("a/b", 1, b"encrypted", &["--cafile", &certificate, "--insecure"]).await;
        intake.wait_for(1).await;
        assert_eq!(&intake.messages()[0].payload[..], b"encrypted");
        client.shutdown().await;

        let wary = BrokerOptions { protocol, ..options(&broker, ca_file("other.crt")) };
        let client = spawn(wary, &intake, &MqttMetrics::default());
        let state = reach(&client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
        let BrokerState::Disconnected { reason, .. } = state else { unreachable!() };
        assert!(reason.contains("certificate") && reason.contains("UnknownIssuer"), "{reason}");
    }
}

#[tokio::test]
async fn a_broker_that_demands_a_certificate_gets_ours() {
    let broker = broker(&["require_certificate true"]).await;
    let file = |name: &str| Some(broker.path(name));
    let both = TlsOptions { ca_file: file("ca.crt"), certificate_file: file("client.crt"), key_file: file("client.key") };
    let intake = Arc::new(FakeIntake::immediate());
    let client = spawn(options(&broker, both.clone()), &intake, &MqttMetrics::default());
    subscribed(&client).await;
    client.shutdown().await;

    let without = TlsOptions { certificate_file: None, key_file: None, ..both };
    let client = spawn(options(&broker, without), &intake, &MqttMetrics::default());
    reach(&client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
}

#[test]
fn certificate_files_that_are_not_usable_are_named_without_a_connection() {
    install_provider();
    let folder = tempfile::tempdir().unwrap();
    certificates_in(folder.path());
    std::fs::write(folder.path().join("empty.crt"), "").unwrap();
    std::fs::write(folder.path().join("torn.crt"), "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    std::fs::write(folder.path().join("wrong.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let file = |name: &str| Some(folder.path().join(name));
    let client =
        |certificate: &str, key: &str| TlsOptions { ca_file: file("ca.crt"), certificate_file: file(certificate), key_file: file(key) };
    let authority = |name: &str| TlsOptions { ca_file: file(name), ..TlsOptions::default() };
    let validate = |tls: TlsOptions| BrokerOptions { tls, ..BrokerOptions::new("town", "mqtts://h", "c", ["#"]) }.validate();
    validate(authority("ca.crt")).unwrap();
    validate(client("client.crt", "client.key")).unwrap();
    for (tls, key, name) in [
        (authority("nothing.crt"), "ca_file", "nothing.crt"),
        (authority("empty.crt"), "ca_file", "empty.crt"),
        (authority("ca.key"), "ca_file", "ca.key"),
        (authority("torn.crt"), "ca_file", "torn.crt"),
        (authority("wrong.crt"), "ca_file", "wrong.crt"),
        (client("nothing.crt", "client.key"), "certificate_file", "nothing.crt"),
        (client("client.crt", "nothing.key"), "key_file", "nothing.key"),
        (client("client.crt", "client.crt"), "key_file", "client.crt"),
        (client("client.crt", "other.key"), "key_file", "other.key"),
    ] {
        let error = validate(tls).unwrap_err().to_string();
        assert!(error.starts_with(&format!("broker `town`, setting `{key}`: ")) && error.contains(name), "{error}");
    }
    let intake = Arc::new(FakeIntake::immediate());
    let missing = BrokerOptions { tls: authority("nothing.crt"), ..BrokerOptions::new("town", "mqtts://h", "c", ["#"]) };
    assert!(
        Client::spawn(missing, intake, super::clock(), &MqttMetrics::default()).is_err(),
        "found at start, not at the first connection"
    );
}

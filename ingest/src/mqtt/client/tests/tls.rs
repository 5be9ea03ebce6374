//! `mqtts://` against a real Mosquitto with certificates made on the spot.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::{quick, reach, spawn, subscribed};
use crate::mqtt::client::{BrokerOptions, BrokerState, TlsOptions};
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::testing::mosquitto::{Mosquitto, Setup};
use crate::mqtt::{Client, MqttMetrics};

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output();
    let output = output.expect("openssl is needed for this test: apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate authority, a certificate for `localhost` and one for the client.
fn certificates(folder: &Path) {
    std::fs::write(folder.join("server.ext"), "subjectAltName=DNS:localhost\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=test-authority"));
    for (name, subject, extensions) in [("server", "localhost", "-extfile server.ext"), ("client", "stadtwarte", "-extfile server.ext")] {
        openssl(folder, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={subject}"));
        openssl(folder, &format!("x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {name}.crt -days 2 {extensions}"));
    }
}

#[tokio::test]
async fn a_broker_is_reached_over_tls_only_with_certificates_that_fit() {
    // As the binary does at start; a second time is an error nobody minds.
    let _ = rumqttc::tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let mut broker = Mosquitto::prepare(Setup {
        lines: ["cafile DIR/ca.crt", "certfile DIR/server.crt", "keyfile DIR/server.key", "require_certificate true"]
            .map(str::to_owned)
            .to_vec(),
        ..Setup::default()
    });
    certificates(&broker.path(""));
    broker.restart().await;
    let intake = Arc::new(FakeIntake::immediate());
    let url = format!("mqtts://localhost:{}", broker.port);
    let with = |tls: TlsOptions| BrokerOptions { tls, ..quick("tls", &url, "c") };
    let file = |name: &str| Some(broker.path(name));

    let both = TlsOptions { ca: file("ca.crt"), certificate: file("client.crt"), key: file("client.key") };
    let client = spawn(with(both), &intake, &MqttMetrics::default());
    subscribed(&client).await;
    client.shutdown().await;

    // Without our certificate, and with an authority that did not sign the broker's.
    for tls in [
        TlsOptions { ca: file("ca.crt"), ..TlsOptions::default() },
        TlsOptions { ca: file("client.crt"), certificate: file("client.crt"), key: file("client.key") },
    ] {
        let client = spawn(with(tls), &intake, &MqttMetrics::default());
        reach(&client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
    }

    let missing = TlsOptions { ca: file("nothing.crt"), ..TlsOptions::default() };
    let error = Client::spawn(with(missing), intake, super::clock(), &MqttMetrics::default()).unwrap_err().to_string();
    assert!(error.starts_with("broker `tls`, setting `tls`: certificate file `") && error.contains("nothing.crt"), "{error}");
}

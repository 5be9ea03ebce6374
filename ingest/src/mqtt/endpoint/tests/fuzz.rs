//! Streams of mutated packets: no panic, no acknowledgement of what was not stored, and the endpoint serves the next client.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Bench, publishes};
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::testing::wire::{self, PUBACK};

/// A valid packet of one kind or another.
fn packets(level: u8) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0..3_u8, any::<u16>(), "[a-z/+#]{0,12}", proptest::collection::vec(any::<u8>(), 0..40))
            .prop_map(move |(qos, id, topic, payload)| wire::publish(level, qos, id, &topic, &payload)),
        any::<u16>().prop_map(wire::pubrel),
        (any::<u16>(), proptest::collection::vec("[a-z/+#]{0,8}", 0..4))
            .prop_map(move |(id, filters)| { wire::subscribe(level, id, &filters.iter().map(String::as_str).collect::<Vec<_>>()) }),
        (any::<u16>(), "[a-z]{0,8}").prop_map(move |(id, filter)| wire::unsubscribe(level, id, &[&filter])),
        Just(wire::PINGREQ.to_vec()),
        Just(vec![0xe0, 0]),
        Just(wire::Connect { level, ..wire::Connect::default() }.bytes()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

/// A CONNECT, packets behind it, and bytes to change, insert or cut anywhere.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let properties = prop_oneof![Just(vec![]), Just(vec![0x22, 0, 0]), proptest::collection::vec(any::<u8>(), 0..30)];
    (prop_oneof![Just(4_u8), Just(5_u8)], properties).prop_flat_map(|(level, properties)| {
        let connect = wire::Connect { level, properties: &properties, ..wire::Connect::default() }.bytes();
        let changes = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..4_u8), 0..6);
        (proptest::collection::vec(packets(level), 0..12), changes).prop_map(move |(packets, changes)| {
            let mut bytes = connect.clone();
            bytes.extend(packets.concat());
            for (index, byte, how) in changes {
                let at = index.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes[at] ^= 1 << (byte % 8),
                    2 => bytes.insert(at, byte),
                    _ => drop(bytes.remove(at)),
                }
                if bytes.is_empty() {
                    bytes.push(byte);
                }
            }
            bytes
        })
    })
}

async fn survive(stream: Vec<u8>) {
    let bench = Bench::new(FakeIntake::immediate());
    let (mut near, far) = tokio::io::duplex(64 << 10);
    let server = bench.server.clone();
    let peer = crate::mqtt::PeerAddr::tcp(super::LOCAL.parse().unwrap());
    let serving = tokio::spawn(async move { server.serve_stream(far, peer).await });
    // The endpoint may close at any byte.
    let _ = near.write_all(&stream).await;
    let _ = near.shutdown().await;
    let mut answers = Vec::new();
    let _ = near.read_to_end(&mut answers).await;
    serving.await.expect("a connection never panics");
    let stored = u64::try_from(bench.intake.messages().len()).unwrap();
    assert!(bench.metrics.endpoint.acks.get() <= stored);
    // A client whose sessions and slots were left in disorder would fail here.
    let mut next = bench.connect_as(wire::Connect { client_id: "next", ..wire::Connect::default() }).await;
    next.send(&publishes(4, 1, 1)).await;
    assert_eq!(next.acks(PUBACK, 1).await, [1]);
}

/// The clock stands still, so that no pause costs time.
fn survive_in_a_runtime(stream: Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(survive(stream));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_streams_never_panic(stream in streams()) {
        survive_in_a_runtime(stream);
    }

    #[test]
    fn garbage_never_panics(stream in proptest::collection::vec(any::<u8>(), 1..300)) {
        survive_in_a_runtime(stream);
    }
}

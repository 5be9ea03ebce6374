//! MQTT packets in binary frames, split anywhere.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Sink, Stream};
use tokio::sync::mpsc;

use super::{Bench, LOCAL, publishes};
use crate::mqtt::endpoint::{
    Authenticator, BinaryFrames, Decision, EndpointOptions, Grant, Login, NoSubscriptions, PeerAddr, Principal, TopicScope,
};
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::testing::wire;

/// A stream and sink of frames over channels.
struct Frames {
    incoming: mpsc::UnboundedReceiver<Result<Bytes, std::io::Error>>,
    outgoing: mpsc::UnboundedSender<Bytes>,
}

impl Stream for Frames {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(context)
    }
}

impl Sink<Bytes> for Frames {
    type Error = std::io::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, frame: Bytes) -> Result<(), Self::Error> {
        self.outgoing.send(frame).map_err(std::io::Error::other)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

struct Everybody;

impl Authenticator for Everybody {
    fn authenticate<'a>(&'a self, _: Login<'a>) -> futures::future::BoxFuture<'a, Decision> {
        let grant = Grant { principal: Principal::new("page"), publish: TopicScope::Any };
        Box::pin(std::future::ready(Decision::Accept(grant)))
    }
}

#[tokio::test(start_paused = true)]
async fn packets_in_binary_frames_are_served_and_a_broken_frame_ends_the_connection() {
    let bench = Bench::build(FakeIntake::immediate(), EndpointOptions::default(), Arc::new(Everybody), Arc::new(NoSubscriptions));
    let (to_server, incoming) = mpsc::unbounded_channel();
    let (outgoing, mut from_server) = mpsc::unbounded_channel();
    let server = bench.server.clone();
    let peer = PeerAddr::websocket(LOCAL.parse().unwrap());
    let serving = tokio::spawn(async move { server.serve_stream(BinaryFrames::new(Frames { incoming, outgoing }), peer).await });
    let mut bytes = wire::connect_v4("page");
    bytes.extend(publishes(4, 1, 3));
    for piece in bytes.chunks(7) {
        to_server.send(Ok(Bytes::new())).unwrap();
        to_server.send(Ok(Bytes::copy_from_slice(piece))).unwrap();
    }
    let mut answers = Vec::new();
    while answers.len() < 4 + 3 * 4 {
        answers.extend(from_server.recv().await.unwrap());
    }
    assert_eq!(answers, [0x20, 2, 0, 0, 0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3]);
    to_server.send(Err(std::io::Error::other("text frame"))).unwrap();
    serving.await.unwrap();
}

use std::sync::Arc;

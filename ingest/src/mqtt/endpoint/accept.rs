//! The accept loop and what it does when the operating system cannot give another socket.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::peer::PeerAddr;

/// First pause after an error of `accept`.
const MIN_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause; also how long newcomers wait at most once descriptors are free again.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Where streams come from; a listener, or a stand-in that fails.
pub(super) trait Listener {
    type Stream;

    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, PeerAddr)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, PeerAddr)> {
        let (stream, address) = TcpListener::accept(self).await?;
        // Acknowledgements are small and must not wait for each other.
        stream.set_nodelay(true)?;
        Ok((stream, PeerAddr::tcp(address)))
    }
}

/// Accepts for ever. An error that concerns one connection is skipped; any other (no descriptors, no memory) is waited out, so
/// that the loop does not spin, and logged once until it is over.
pub(super) async fn accept_loop<L: Listener>(
    listener: &mut L,
    on_error: impl Fn(&io::Error),
    mut on_stream: impl FnMut(L::Stream, PeerAddr),
) -> std::convert::Infallible {
    let mut pause = MIN_PAUSE;
    let mut failures = 0_u64;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if failures > 0 {
                    tracing::info!(failures, "MQTT endpoint accepts connections again");
                }
                (pause, failures) = (MIN_PAUSE, 0);
                on_stream(stream, peer);
            }
            Err(error) if concerns_one_connection(&error) => on_error(&error),
            Err(error) => {
                on_error(&error);
                if failures == 0 {
                    tracing::error!(%error, "MQTT endpoint cannot accept connections, will keep trying");
                }
                failures += 1;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            // set_nodelay on a socket the peer has already reset.
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotConnected
    )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;
    use tokio::time::Instant;

    use super::*;
    use crate::mqtt::testing::DEADLINE;

    /// Gives what the test prepared, then waits for ever.
    struct Script(VecDeque<io::Result<u32>>);

    impl Listener for Script {
        type Stream = u32;

        async fn accept(&mut self) -> io::Result<(u32, PeerAddr)> {
            match self.0.pop_front() {
                Some(Ok(stream)) => Ok((stream, PeerAddr::tcp("127.0.0.1:1".parse().unwrap()))),
                Some(Err(error)) => Err(error),
                None => std::future::pending().await,
            }
        }
    }

    /// Too many open files in this process (24) and in the system (23).
    fn out_of_descriptors(code: i32) -> io::Result<u32> {
        Err(io::Error::from_raw_os_error(code))
    }

    /// Runs until stream 2 is accepted; returns what was accepted, the time it took, and the number of errors.
    async fn accept(script: impl Into<VecDeque<io::Result<u32>>>) -> (Vec<u32>, Duration, usize) {
        let mut listener = Script(script.into());
        let started = Instant::now();
        let accepted = Mutex::new(Vec::new());
        let errors = AtomicUsize::new(0);
        let done = Notify::new();
        let count = |_: &io::Error| {
            errors.fetch_add(1, Ordering::SeqCst);
        };
        let run = accept_loop(&mut listener, count, |stream, _| {
            accepted.lock().unwrap().push(stream);
            if stream == 2 {
                done.notify_one();
            }
        });
        tokio::select! {
            never = run => match never {},
            waited = tokio::time::timeout(DEADLINE, done.notified()) => waited.expect("stream 2 comes in time"),
        }
        (accepted.into_inner().unwrap(), started.elapsed(), errors.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn running_out_of_descriptors_backs_off_and_then_goes_on() {
        let mut script = VecDeque::from([Ok(1)]);
        script.extend([24, 23, 24, 24, 24, 24, 24].map(out_of_descriptors));
        script.push_back(Ok(2));
        let (accepted, took, errors) = accept(script).await;
        assert_eq!(accepted, [1, 2]);
        // 50 + 100 + 200 + 400 + 800 ms, then a second each.
        assert_eq!(took, Duration::from_millis(3550));
        assert_eq!(errors, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_died_before_accept_costs_no_pause() {
        let aborted = Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        let (accepted, took, errors) = accept([aborted, Ok(2)]).await;
        assert_eq!((accepted, took, errors), (vec![2], Duration::ZERO, 1));
    }
}

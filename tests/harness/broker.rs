//! A real Mosquitto on a free port.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::eventually;

/// A Mosquitto process with persistence in a folder.
pub struct Mosquitto {
    child: Child,
    pub address: SocketAddr,
}

impl Mosquitto {
    /// Starts Mosquitto on `address`, or on a free port, keeping its sessions in `folder`.
    pub fn start(folder: &Path, address: Option<SocketAddr>) -> Self {
        Self::start_with(folder, address, "")
    }

    /// The same with further lines of configuration.
    pub fn start_with(folder: &Path, address: Option<SocketAddr>, lines: &str) -> Self {
        let address = address.unwrap_or_else(free_address);
        std::fs::create_dir_all(folder).unwrap();
        let config = folder.join("mosquitto.conf");
        let settings = format!(
            "listener {} {}\nallow_anonymous true\npersistence true\npersistence_location {}/\nautosave_interval 1\nautosave_on_changes true\n\
             max_queued_messages 0\nmax_inflight_messages 0\nuser root\n{lines}\n",
            address.port(),
            address.ip(),
            folder.display()
        );
        std::fs::write(&config, settings).unwrap();
        let child = Command::new("mosquitto")
            .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is installed (apt-get install mosquitto)");
        let broker = Self { child, address };
        eventually("mosquitto to listen", || TcpStream::connect(address).ok());
        broker
    }

    /// Asks it to end, so that it saves its sessions.
    pub fn stop(mut self) {
        super::server::terminate(self.child.id());
        self.child.wait().unwrap();
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

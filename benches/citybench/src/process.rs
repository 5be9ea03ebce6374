//! Child processes: started, watched through `/proc`, ended by their number.

use std::io::Read;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

/// Ticks per second of the times in `/proc/PID/stat`: `USER_HZ`, 100 on every architecture this runs on.
const TICKS_PER_S: f64 = 100.0;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Seconds on a processor, user and system.
    pub cpu_s: f64,
    /// Resident memory now, bytes. 0 once the process has ended.
    pub resident_bytes: u64,
    /// The most it ever was, bytes. 0 once the process has ended.
    pub peak_bytes: u64,
}

/// A child that is killed when it goes out of scope.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: &'static str,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub status: ExitStatus,
    /// Seconds on a processor over its whole life.
    pub cpu_s: f64,
    /// What it printed, when its output was a pipe.
    pub stdout: String,
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// When it cannot be found or run.
    pub fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { child, name })
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        let (stat, status) = (self.proc("stat")?, self.proc("status")?);
        let (_, cpu_s) = parse_stat(&stat).ok_or_else(|| anyhow!("{}: unexpected {stat}", self.name))?;
        let bytes = |key| parse_kib(&status, key).unwrap_or(0) * 1024;
        Ok(Usage { cpu_s, resident_bytes: bytes("VmRSS:"), peak_bytes: bytes("VmHWM:") })
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// With its exit code.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}", self.name),
        }
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// When it has not ended by the deadline.
    pub async fn stop(self, within: Duration) -> anyhow::Result<Ended> {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        ensure!(sent.success(), "{} could not be asked to end", self.name);
        self.ended(within).await
    }

    /// Waits for its end.
    ///
    /// A process that has ended and was not waited for keeps its times in `/proc`; they are read before it is waited for.
    ///
    /// # Errors
    /// When it has not ended by the deadline.
    pub async fn ended(mut self, within: Duration) -> anyhow::Result<Ended> {
        let deadline = Instant::now() + within;
        loop {
            let stat = self.proc("stat")?;
            let (state, cpu_s) = parse_stat(&stat).ok_or_else(|| anyhow!("{}: unexpected {stat}", self.name))?;
            if state == 'Z' {
                let mut stdout = String::new();
                if let Some(mut pipe) = self.child.stdout.take() {
                    pipe.read_to_string(&mut stdout)?;
                }
                return Ok(Ended { status: self.child.wait()?, cpu_s, stdout });
            }
            ensure!(Instant::now() < deadline, "{} did not end within {within:?}", self.name);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).with_context(|| format!("{} is gone", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// State and processor seconds from `/proc/PID/stat` (proc(5)). The name in parentheses may hold anything, also parentheses.
fn parse_stat(stat: &str) -> Option<(char, f64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|ticks| ticks.parse::<u32>().ok()).map(f64::from);
    // Field 3 of the manual is the first after the name; utime is 14, stime 15.
    Some((fields.first()?.chars().next()?, (ticks(11)? + ticks(12)?) / TICKS_PER_S))
}

fn parse_kib(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(key))?;
    line[key.len()..].split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "4711 (a) b (c)) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 8 0 100 200 300";
        assert_eq!(parse_stat(stat), Some(('R', 2.0)));
        assert_eq!(parse_stat("4711 (x) R 1 2"), None);
    }

    #[test]
    fn memory_is_read_in_kib() {
        assert_eq!(parse_kib("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n", "VmHWM:"), Some(2048));
        assert_eq!(parse_kib("Name:\tx\n", "VmRSS:"), None);
    }

    #[tokio::test]
    async fn a_finished_process_still_tells_its_output() {
        let process = Process::start("echo", Command::new("echo").arg("seen").stdout(std::process::Stdio::piped())).unwrap();
        let ended = process.ended(Duration::from_secs(20)).await.unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(0), "seen\n"));
    }
}

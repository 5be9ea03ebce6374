//! What the README shows is what a reader sees.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::eventually;
use crate::harness::server::{Server, text};

/// A command of the README and the beginning of what it shows as its output.
struct Shown {
    command: String,
    output: Vec<String>,
}

#[test]
fn commands_of_the_readme_print_what_it_shows() {
    let shown = shown_in(include_str!("../README.md"));
    assert!(shown.len() >= 3, "a query, the stations and the live stream");
    let folder = TempDir::new().unwrap();
    let city = Server::demo(&folder, &["--devices", "300", "--history-days", "0"]);
    eventually("air quality on the map", || (city.rows("SELECT * FROM latest WHERE property = 'pm10'", None).len() >= 5).then_some(()));
    let programs = Path::new(env!("CARGO_BIN_EXE_stadtwarte")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for Shown { command, output } in shown {
        let here = command.replace("127.0.0.1:8080", &city.http.to_string()).replace("127.0.0.1:1883", &city.mqtt.to_string());
        let real = Command::new("sh").args(["-c", &here]).env("PATH", &path).current_dir(folder.path()).output().unwrap();
        assert!(real.status.success(), "{here}: {}", text(&real.stderr));
        let real = text(&real.stdout);
        let lines: Vec<String> = real.lines().map(shape).collect();
        for (number, line) in output.iter().take(3).enumerate() {
            assert_eq!(lines.get(number), Some(&shape(line)), "{here} printed:\n{real}");
        }
    }
}

/// Lines that begin with `$ ` in code blocks, and what follows each until the next or the end of its block.
fn shown_in(document: &str) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    for block in document.split("```").skip(1).step_by(2) {
        let mut is_output = false;
        for line in block.lines().skip(1) {
            if let Some(command) = line.strip_prefix("$ ") {
                shown.push(Shown { command: command.to_owned(), output: Vec::new() });
                is_output = true;
            } else if is_output && let Some(last) = shown.last_mut() {
                last.output.push(line.to_owned());
            }
        }
    }
    shown
}

/// The beginning of a line without what differs from run to run: numbers, and the width of columns.
fn shape(line: &str) -> String {
    line.chars().filter(|letter| !letter.is_ascii_digit() && !" -".contains(*letter)).take(20).collect()
}

//! Commands, settings and their mistakes.

use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::server::{Server, run, stadtwarte, text};

#[test]
fn mistakes_in_settings_are_named_with_key_and_line_and_exit_code_2() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("town.toml");
    std::fs::write(&config, "[http]\nlisten = \"127.0.0.1:0\"\n\n[qurey]\nx = 1\n[store]\nflush_rows = \"many\"\n").unwrap();
    for command in ["check", "up"] {
        let output = run(&[command, "--config", config.to_str().unwrap()]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("town.toml:4: qurey"), "{message}");
        assert!(message.contains("town.toml:7: store.flush_rows"), "{message}");
    }
}

#[test]
fn the_settings_that_come_with_the_program_pass_the_check() {
    let output = run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let folder = TempDir::new().unwrap();
    for (name, settings) in [
        ("default.toml", include_str!("../config/default.toml")),
        ("examples/stadtwarte.toml", include_str!("../config/examples/stadtwarte.toml")),
        ("deploy/stadtwarte.toml", include_str!("../deploy/stadtwarte.toml")),
    ] {
        // The files of their passwords are on the town's machine.
        let password = folder.path().join("password");
        std::fs::write(&password, "secret").unwrap();
        let named = |line: &str| line.trim_start().starts_with("password_file").then(|| format!("password_file = {password:?}"));
        let settings: Vec<String> = settings.lines().map(|line| named(line).unwrap_or_else(|| line.to_owned())).collect();
        let config = folder.path().join("town.toml");
        std::fs::write(&config, settings.join("\n")).unwrap();
        let output = run(&["check", "--config", config.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn numbers_and_names_on_the_command_line_are_checked_before_anything_starts() {
    for arguments in [
        &["simulate", "--to", "mqtt://127.0.0.1:1", "--devices", "0"][..],
        &["simulate", "--to", "mqtt://127.0.0.1:1", "--rate", "inf"],
        &["demo", "--history-days", "4000000000"],
        &["key", "create", "--role", "emperor"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let nowhere = run(&["key", "create", "--role", "publisher", "--data", "/nowhere/at/all"]);
    let message = text(&nowhere.stderr);
    assert!(nowhere.status.code() == Some(1) && message.contains("--data") && message.contains("is not a data folder"), "{message}");
}

#[test]
fn check_reads_the_certificates_of_a_broker_without_connecting() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("town.toml");
    let authority = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test";
    let made = Command::new("openssl").current_dir(&folder).args(authority.split(' ')).output();
    assert!(made.expect("openssl is installed (apt-get install openssl)").status.success());
    for (file, code) in [("ca.crt", 0), ("nothing.crt", 2), ("ca.key", 2)] {
        let path = folder.path().join(file).display().to_string();
        let broker = "name = \"kommune\"\nurl = \"mqtts://broker.example\"\nclient_id = \"c\"\ntopics = [\"#\"]";
        std::fs::write(&config, format!("[[broker]]\n{broker}\nca_file = \"{path}\"\n")).unwrap();
        let output = run(&["check", "--config", config.to_str().unwrap()]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{file}: {message}");
        let is_named = message.contains("town.toml:6: broker.0.ca_file: ") && message.contains(&path);
        assert_eq!(is_named, code != 0, "{message}");
    }
}

#[test]
fn an_occupied_port_is_named() {
    let folder = TempDir::new().unwrap();
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    let data = folder.path().join("data");
    for (flag, other) in [("--http", "--mqtt"), ("--mqtt", "--http")] {
        let output = stadtwarte().args(["up", "--data"]).arg(&data).args([flag, &address, other, "127.0.0.1:0"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = text(&output.stderr);
        assert!(message.contains(&address), "{message}");
    }
}

#[test]
fn a_data_folder_in_use_is_refused_with_the_holder_named() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let output = stadtwarte().args(["up", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--data"]).arg(server.data()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains("in use") && message.contains(&server.pid().to_string()), "{message}");
}

#[test]
fn sql_mistakes_are_usage_errors_with_a_readable_message() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let data = server.data();
    drop(server);
    for (query, expected) in [
        ("SELEC 1", "SELEC"),
        ("SELECT nothing FROM readings", "nothing"),
        ("DROP TABLE readings", "SELECT"),
        ("SELECT * FROM '/etc/passwd'", "passwd"),
    ] {
        let output = stadtwarte().args(["sql", query, "--data"]).arg(&data).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{query}: {message}");
        assert!(message.contains(expected) && !message.contains("panicked"), "{query}: {message}");
    }
    let output = stadtwarte().args(["sql", "SELECT 1", "--data"]).arg(folder.path().join("nowhere")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("not a data folder"), "{}", text(&output.stderr));
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in ["up", "demo", "simulate", "sql", "check", "key create"] {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("Example"), "{command}");
    }
}

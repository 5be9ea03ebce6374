//! `stadtwarte`: an urban data platform in one binary.

use std::process::ExitCode;

use clap::Parser;
use stadtwarte::commands::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // For everything in this process that speaks TLS without a choice of its own, such as `mqtts://` brokers.
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("nothing has installed a provider before main");
    stadtwarte::commands::run(&Cli::parse())
}

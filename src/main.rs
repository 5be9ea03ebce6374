//! `stadtwarte`: an urban data platform in one binary.

use std::process::ExitCode;

use clap::Parser;
use stadtwarte::commands::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stadtwarte::commands::run(&Cli::parse())
}

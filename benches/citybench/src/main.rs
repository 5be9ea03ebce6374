//! `citybench`: the workloads of a town against a running `stadtwarte` process, each beside a control in the same run.
//!
//! ```text
//! options ─▶ bench (folders, sizes) ─┬─▶ ingest      platform | Mosquitto              ─┐
//!                                    ├─▶ freshness   platform | Mosquitto              ─┤
//!                                    ├─▶ demo        demo     | empty platform         ─┼─▶ report (Markdown)
//!                                    └─▶ queries     platform | DataFusion, same files ─┘
//! ```
//! Loss, doubles and unequal answers end a run with an error; speed never does.

#![allow(clippy::disallowed_macros, reason = "a program for the command line")]

mod arrow_answer;
mod bench;
mod books;
mod conditions;
mod demo;
mod freshness;
mod generator;
mod http;
mod ingest;
mod machine;
mod mosquitto;
mod options;
mod platform;
mod process;
mod queries;
mod report;
mod rounds;
mod statistics;

use std::process::ExitCode;

use clap::Parser;

use crate::bench::Bench;
use crate::options::{Options, Workload};
use crate::report::Report;

// The same allocator as the platform, so that the query control differs in nothing but the engine.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bench = Bench::new(options)?;
    let report = runtime.block_on(measure(&bench))?;
    let text = report.to_markdown();
    println!("{text}");
    if let Some(out) = &bench.options.out {
        std::fs::write(out, &text)?;
    }
    Ok(())
}

async fn measure(bench: &Bench) -> anyhow::Result<Report> {
    let mut report = Report::new(bench)?;
    if bench.includes(Workload::Ingest) {
        report.add(ingest::run(bench).await?);
        report.add(ingest::ladder::run(bench).await?);
    }
    if bench.includes(Workload::Freshness) {
        report.add(freshness::run(bench).await?);
    }
    let mut town = None;
    if bench.includes(Workload::Demo) {
        let (section, folder) = demo::run(bench).await?;
        report.add(section);
        town = Some(folder);
    }
    if bench.includes(Workload::Queries) {
        report.add(queries::run(bench, town).await?);
    }
    Ok(report)
}

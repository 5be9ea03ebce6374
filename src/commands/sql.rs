//! `stadtwarte sql`.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use futures::StreamExt;
use stadtwarte_model::Role;
use stadtwarte_query::output::{Format, writer};
use stadtwarte_query::{Engine, ErrorKind, Limits};
use stadtwarte_store::{DataFolder, Store};

use super::{Common, Failure, Outcome, runtime};
use crate::platform;
use crate::settings::Settings;
use crate::system::SystemClock;

#[derive(Debug, Args)]
pub(super) struct Sql {
    /// The query.
    query: String,
    /// table, csv, json, ndjson, geojson, arrow or parquet.
    #[arg(long, default_value = "table", value_parser = |text: &str| text.parse::<Format>().map_err(|error| error.to_string()))]
    format: Format,
    /// Ask this server instead of the data folder, for example `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    server: Option<String>,
    /// API key for the server.
    #[arg(long, env = "STADTWARTE_KEY", hide_env_values = true)]
    key: Option<String>,
}

impl Sql {
    pub fn run(&self, common: &Common) -> Outcome {
        if matches!(self.format, Format::Arrow | Format::Parquet) && std::io::stdout().is_terminal() {
            return Err(Failure::Usage(format!("{} is binary: send it to a file with `> FILE`", self.format)));
        }
        runtime()?.block_on(async {
            match &self.server {
                Some(server) => Ok(self.ask_server(server).await?),
                None => self.ask_folder(&common.settings()?).await,
            }
        })
    }

    async fn ask_folder(&self, settings: &Settings) -> Outcome {
        let folder = DataFolder::new(&settings.data.dir);
        let store = Store::open_read_only(folder, Arc::new(SystemClock)).await.map_err(anyhow::Error::from)?;
        // Whoever can read the files may see everything, for as long as it takes.
        let limits = Limits { max_time: std::time::Duration::from_hours(24), ..platform::limits(settings) };
        let engine = Engine::new(store, limits).map_err(anyhow::Error::from)?;
        let mut answer = match engine.sql(Role::Admin, &self.query).await {
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Refused) => return Err(Failure::Usage(error.to_string())),
            answer => answer.map_err(anyhow::Error::from)?,
        };
        let mut writer = writer(self.format, &answer.schema()).map_err(|error| Failure::Usage(error.to_string()))?;
        let mut out = std::io::stdout().lock();
        write(&mut out, &writer.begin().map_err(anyhow::Error::from)?)?;
        while let Some(batch) = answer.next().await {
            let rows = writer.rows(&batch.map_err(anyhow::Error::from)?).map_err(anyhow::Error::from)?;
            write(&mut out, &rows)?;
        }
        write(&mut out, &writer.end().map_err(anyhow::Error::from)?)?;
        Ok(())
    }

    async fn ask_server(&self, server: &str) -> anyhow::Result<()> {
        let url = format!("{}/api/v1/sql", server.trim_end_matches('/'));
        let body = serde_json::json!({ "query": self.query, "format": self.format.as_str() });
        let mut request = reqwest::Client::new().post(&url).json(&body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await.with_context(|| format!("{url} does not answer"))?;
        let status = response.status();
        if !status.is_success() {
            let text = response.text().await.unwrap_or_default();
            let problem: Option<serde_json::Value> = serde_json::from_str(&text).ok();
            let detail = problem.as_ref().and_then(|problem| problem.get("detail")).and_then(serde_json::Value::as_str);
            bail!("{}", detail.map_or_else(|| format!("{url} answered {status}"), str::to_owned));
        }
        let mut pieces = response.bytes_stream();
        let mut out = std::io::stdout().lock();
        while let Some(piece) = pieces.next().await {
            write(&mut out, &piece.context("the answer broke off; it is not complete")?)?;
        }
        Ok(())
    }
}

/// A reader that closes the pipe early has what it wanted.
#[allow(clippy::disallowed_methods, reason = "the rest of the query is of no use to anybody")]
fn write(out: &mut impl Write, bytes: &[u8]) -> anyhow::Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        outcome => Ok(outcome?),
    }
}

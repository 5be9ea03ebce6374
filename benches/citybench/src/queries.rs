//! Questions about the demo's year of history.
//!
//! Control: DataFusion as it comes, in this process, over the same Parquet files: no HTTP, no encoding of the answer, no access policy.
//! The platform is asked over HTTP by an operator, who sees every row, so both answer from the same rows. Answers are compared first.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use datafusion::arrow::array::RecordBatch;
use datafusion::prelude::{ParquetReadOptions, SessionContext};

use crate::arrow_answer;
use crate::bench::Bench;
use crate::conditions::Conditions;
use crate::demo;
use crate::http::Http;
use crate::platform::Platform;
use crate::report::Section;
use crate::rounds::{Both, Side, order};
use crate::statistics::{Figure, Summary};

/// A question in the words of both sides.
struct Question {
    what: String,
    platform: String,
    control: String,
}

impl Question {
    fn same(what: &str, sql: String) -> Self {
        Self { what: what.to_owned(), platform: sql.clone(), control: sql }
    }
}

/// Asks both sides.
///
/// # Errors
/// When a question fails or the answers differ.
pub async fn run(bench: &Bench, town: Option<PathBuf>) -> anyhow::Result<Section> {
    let folder = match town {
        Some(folder) => folder,
        None => demo::prepare(bench).await?,
    };
    // Started again: every row is in files then, and nothing is written while the questions are asked.
    let platform = Platform::up(bench, &folder).await?;
    let operator = platform.operator().await?;
    let control = control(&platform).await?;
    let rows = operator.number("SELECT count(*) FROM observations").await?;
    let title = format!("Queries over {} observations, measured {} times each, ms", grouped(rows)?, bench.sizes.query_repeats);
    let mut section = Section::new(title, "DataFusion, same files, in process");
    let mut conditions = Conditions::default();
    conditions.look(bench).await?;
    for question in questions(bench, &control).await? {
        bench.progress(&format!("query: {}", question.what));
        let (rows, both) = ask(bench, &question, &operator, &control).await?;
        let of = |times: Vec<f64>| Summary::of(times).context("no measurement");
        section.row(&format!("{} ({} rows)", question.what, grouped(rows)?), "", of(both.platform)?, of(both.control)?);
    }
    conditions.look(bench).await?;
    platform.stop().await?;
    section.note("Time to the last byte of the answer (Arrow over HTTP, role operator) and to the last batch. Warm: each was asked once before, to compare the answers, which were equal.");
    section.note(conditions.describe());
    Ok(section)
}

fn grouped(rows: impl TryInto<u32>) -> anyhow::Result<String> {
    let rows = rows.try_into().ok().context("more rows than this bench was made for")?;
    Ok(Figure(f64::from(rows)).to_string())
}

/// DataFusion with its defaults over the files of the table.
async fn control(platform: &Platform) -> anyhow::Result<SessionContext> {
    let context = SessionContext::new();
    let files = platform.data().join("tables/observations");
    let files = format!("{}/", files.to_str().context("the data folder's path is not UTF-8")?);
    context.register_parquet("observations", files, ParquetReadOptions::default()).await?;
    Ok(context)
}

async fn questions(bench: &Bench, control: &SessionContext) -> anyhow::Result<Vec<Question>> {
    let longest = "SELECT datastream_id FROM observations GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1";
    let longest = first_cell(&collect(control, longest).await?)?;
    let days = bench.sizes.history_days;
    let newest = days.min(10) / 5;
    let (from, to) = (day_before(i64::from((newest + 30).min(days - 1)))?, day_before(i64::from(newest))?);
    Ok(vec![
        Question {
            what: "newest value of every datastream".to_owned(),
            platform: "SELECT datastream_id, time, value FROM latest ORDER BY 1".to_owned(),
            control: "SELECT datastream_id, max(phenomenon_time), last_value(result ORDER BY phenomenon_time, id) FROM observations \
                      GROUP BY 1 ORDER BY 1"
                .to_owned(),
        },
        Question::same("exact number of observations", "SELECT count(*) FROM observations".to_owned()),
        Question::same(
            "hours of one datastream, whole history",
            format!(
                "SELECT date_trunc('hour', phenomenon_time), count(*), min(result), avg(result), max(result) FROM observations \
                 WHERE datastream_id = {longest} GROUP BY 1 ORDER BY 1"
            ),
        ),
        Question::same(
            &format!("daily means of all datastreams, {from} to {to}"),
            format!(
                "SELECT datastream_id, date_trunc('day', phenomenon_time), avg(result) FROM observations \
                 WHERE phenomenon_time >= '{from}T00:00:00Z' AND phenomenon_time < '{to}T00:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2"
            ),
        ),
    ])
}

#[allow(clippy::disallowed_methods, reason = "the history ends now, by the wall clock")]
fn day_before(days: i64) -> anyhow::Result<chrono::NaiveDate> {
    let days = chrono::TimeDelta::try_days(days).context("days")?;
    chrono::Utc::now().date_naive().checked_sub_signed(days).context("a day long ago")
}

async fn ask(bench: &Bench, question: &Question, operator: &Http, control: &SessionContext) -> anyhow::Result<(usize, Both<f64, f64>)> {
    let (ours, theirs) = (operator.arrow(&question.platform).await?, collect(control, &question.control).await?);
    let rows = arrow_answer::assert_equal(&ours, &theirs).with_context(|| format!("the answers differ: {}", question.what))?;
    let mut both: Both<f64, f64> = Both::default();
    for side in order(bench.sizes.query_repeats) {
        let begin = Instant::now();
        match side {
            Side::Platform => drop(operator.sql(&question.platform, "arrow").await?),
            Side::Control => drop(collect(control, &question.control).await?),
        }
        let times = if side == Side::Platform { &mut both.platform } else { &mut both.control };
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok((rows, both))
}

async fn collect(control: &SessionContext, sql: &str) -> anyhow::Result<Vec<RecordBatch>> {
    Ok(control.sql(sql).await?.collect().await?)
}

fn first_cell(batches: &[RecordBatch]) -> anyhow::Result<String> {
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).context("there are no observations")?;
    Ok(datafusion::arrow::util::display::array_value_to_string(batch.column(0), 0)?)
}

//! The comparison that comes before any figure: is every acknowledged uplink stored, exactly once?

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, ensure};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;

use crate::http::Http;

/// The identity as the simulator writes it: ChirpStack's own, or device, session and counter for The Things Stack. A copy of a frame that a
/// gateway delivered late is a message of its own, without readings; with The Things Stack it has the identity of the first, so it is not
/// counted again.
const STORED: &str = "SELECT coalesce(deduplication_id, 'tts:' || dev_eui || ':' || session || ':' || CAST(f_cnt AS VARCHAR)) AS id, \
     count(*) FILTER (WHERE duplicate_of IS NULL OR deduplication_id IS NOT NULL) AS n FROM uplinks GROUP BY 1";

/// Compares the list of acknowledged uplinks with the platform's tables, as the operator sees them.
///
/// # Errors
/// When an acknowledged uplink is missing, one is stored twice, more is stored than was sent (`unacknowledged` of the stored ones
/// were sent without an answer), or the readings do not match the uplinks.
pub async fn check(operator: &Http, acknowledged: &Path, unacknowledged: u32) -> anyhow::Result<()> {
    let acknowledged = std::fs::read_to_string(acknowledged)?;
    let acknowledged: HashSet<&str> = acknowledged.lines().collect();
    ensure!(!acknowledged.is_empty(), "nothing was acknowledged");
    compare(&acknowledged, &counted(&operator.arrow(STORED).await?)?, unacknowledged)?;
    let (rows, ids) = (
        operator.number("SELECT count(*) FROM observations").await?,
        operator.number("SELECT count(DISTINCT id) FROM observations").await?,
    );
    ensure!(rows == ids, "{rows} observations have only {ids} identities");
    let promised = operator.number("SELECT sum(observations) FROM uplinks").await?;
    ensure!(rows == promised, "{rows} observations are stored, the uplinks carried {promised}");
    Ok(())
}

fn counted(batches: &[RecordBatch]) -> anyhow::Result<HashMap<String, i64>> {
    let mut stored = HashMap::new();
    for batch in batches {
        let (ids, counts) = (batch.column(0).as_string_opt::<i32>(), batch.column(1).as_primitive_opt::<Int64Type>());
        let (ids, counts) = ids.zip(counts).context("identities are texts, counts are numbers")?;
        ensure!(ids.null_count() == 0, "an uplink is stored without an identity");
        stored.extend(ids.iter().flatten().map(str::to_owned).zip(counts.values().iter().copied()));
    }
    Ok(stored)
}

fn compare(acknowledged: &HashSet<&str>, stored: &HashMap<String, i64>, unacknowledged: u32) -> anyhow::Result<()> {
    let missing: Vec<_> = acknowledged.iter().filter(|id| !stored.contains_key(**id)).collect();
    ensure!(missing.is_empty(), "LOSS: {} uplinks were acknowledged but are not stored, such as {}", missing.len(), missing[0]);
    let doubled: Vec<_> = stored.iter().filter(|(_, count)| **count != 1).collect();
    ensure!(doubled.is_empty(), "DOUBLE: {} uplinks are stored more than once, such as {:?}", doubled.len(), doubled[0]);
    let unexplained = stored.len() - acknowledged.len();
    ensure!(unexplained <= unacknowledged as usize, "{unexplained} uplinks are stored that nobody sent");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(stored: &[(&str, i64)], unacknowledged: u32) -> Result<(), String> {
        let stored = stored.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect();
        compare(&HashSet::from(["a", "b"]), &stored, unacknowledged).map_err(|error| error.to_string())
    }

    #[test]
    fn loss_doubles_and_strangers_are_found() {
        assert_eq!(compared(&[("a", 1), ("b", 1)], 0), Ok(()));
        assert!(compared(&[("a", 1)], 5).unwrap_err().starts_with("LOSS: 1 "));
        assert!(compared(&[("a", 1), ("b", 2)], 5).unwrap_err().starts_with("DOUBLE: 1 "));
        assert!(compared(&[("a", 1), ("b", 1), ("c", 1)], 0).unwrap_err().contains("nobody sent"));
        assert_eq!(compared(&[("a", 1), ("b", 1), ("c", 1)], 1), Ok(()), "it was sent, its answer was not awaited");
    }
}

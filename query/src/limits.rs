//! The bounds of querying.

use std::time::Duration;

/// What queries may use, all together or each.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long one query may take, from its start to its last row.
    pub max_time: Duration,
    /// Memory for sorts, joins and aggregations of all running queries together.
    pub memory_bytes: usize,
    /// Disk space for what does not fit into it.
    pub spill_bytes: u64,
    /// Memory for what files say of themselves (footers and page indexes), kept from query to query.
    pub metadata_bytes: usize,
    /// How many queries of a kind run at the same time: SQL of strangers, SQL of those with a key, charts and the live stream.
    pub concurrent: usize,
    /// How long a query waits for its turn before it is refused as busy.
    pub max_wait: Duration,
    /// The longest SQL text.
    pub max_sql_bytes: usize,
    /// The most rows that a caller without a key gets from one query.
    pub public_rows: usize,
    /// The most observations that a follower who was away is sent before it is told to start afresh.
    pub resume_rows: usize,
}

impl Limits {
    pub(crate) fn slots(&self) -> usize {
        self.concurrent.max(1)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_time: Duration::from_secs(30),
            memory_bytes: 256 << 20,
            spill_bytes: 2 << 30,
            metadata_bytes: 32 << 20,
            concurrent: 8,
            max_wait: Duration::from_secs(5),
            max_sql_bytes: 64 << 10,
            public_rows: 1_000_000,
            resume_rows: 100_000,
        }
    }
}

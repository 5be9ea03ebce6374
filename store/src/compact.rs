//! Compaction: the many small files of flushes become few large ones, beside everything else that goes on.
//!
//! ```text
//! plan ─▶ merge beside queries, flushes and imports ─▶ one Delta commit: old files out, new file in ─▶ manifest ─▶ (later) old files removed
//! ```
//! Killed before the commit, the new file is nobody's and is removed at the next start; after it, the old ones are. No reader waits for
//! anything: whoever holds a snapshot keeps its files until it lets go of them.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use stadtwarte_model::partition::Partition;
use stadtwarte_model::schema::Table;
use stadtwarte_model::{Date, Timestamp};

use crate::Store;
use crate::data_file::DataFile;
use crate::error::Error;
use crate::file_writer::{FileWriter, UNFINISHED, discard};
use crate::merge::{Merged, merge};

/// Files of one size class that are merged into one of the next: a row is rewritten once per class.
const FAN_IN: usize = 8;
/// Files that are read side by side at most; each costs a few pages of memory.
const MAX_INPUTS: usize = 64;
/// Rows of the smallest size class.
const SMALLEST: u64 = 4096;
/// Files with more rows are left alone, and none with more is made.
const LARGEST: u64 = 16 << 20;
/// The same in bytes.
const LARGEST_BYTES: u64 = 4 << 30;

/// What compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Files that were merged.
    pub merged_files: u64,
    /// Files that came out.
    pub new_files: u64,
    /// Rows that were rewritten.
    pub rows: u64,
    /// Rows that were stored more than once and no longer are.
    pub doubles: u64,
}

/// Files that are no longer part of a table, but perhaps still read.
#[derive(Debug, Default)]
pub(crate) struct Replaced(Mutex<Vec<ReplacedFile>>);

#[derive(Debug)]
pub(crate) struct ReplacedFile {
    pub table: Table,
    pub path: String,
    pub since: Timestamp,
    /// Whoever in this process may still read it.
    pub readers: Weak<DataFile>,
}

impl Replaced {
    pub fn extend(&self, files: impl IntoIterator<Item = ReplacedFile>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
    }

    /// Takes out those that were replaced before `until` and that nobody in this process reads any more.
    fn take_unread(&self, until: Timestamp) -> Vec<ReplacedFile> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (unread, kept) =
            std::mem::take(&mut *files).into_iter().partition(|file| file.since <= until && file.readers.strong_count() == 0);
        *files = kept;
        unread
    }
}

/// Files below the root of a table that are not part of it: an earlier process was killed before their commit, or before it removed them.
pub(crate) fn strangers(table: Table, root: &Path, known: &[Arc<DataFile>], now: Timestamp) -> Result<Vec<ReplacedFile>, Error> {
    let known: HashSet<&str> = known.iter().map(|file| file.path.as_str()).collect();
    let mut strangers = Vec::new();
    for partition in entries(root)?.into_iter().filter(|name| name.parse::<Partition>().is_ok()) {
        let files = entries(&root.join(&partition))?.into_iter().map(|name| format!("{partition}/{name}"));
        let unknown = files.filter(|path| (path.ends_with(".parquet") || path.ends_with(UNFINISHED)) && !known.contains(path.as_str()));
        strangers.extend(unknown.map(|path| ReplacedFile { table, path, since: now, readers: Weak::new() }));
    }
    Ok(strangers)
}

fn entries(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// The next files to merge: of one partition, in the order of their size.
///
/// While a day goes on, [`FAN_IN`] files of one size class make one of the next. When it is over, all its files become one, unless what
/// came late is too little to rewrite the rest for; and when its month has long been over, the files of all its days do.
fn plan(files: &[Arc<DataFile>], today: Date, failed: &HashSet<String>) -> Option<Vec<Arc<DataFile>>> {
    let mut by_partition: BTreeMap<Partition, Vec<&Arc<DataFile>>> = BTreeMap::new();
    let is_open = |file: &&Arc<DataFile>| file.rows <= LARGEST && file.bytes <= LARGEST_BYTES && !failed.contains(&file.path);
    for file in files.iter().filter(is_open) {
        by_partition.entry(Partition::of(file.partition.date, today)).or_default().push(file);
    }
    let choices = by_partition.into_iter().filter_map(|(partition, mut files)| {
        files.sort_by_key(|file| file.rows);
        let is_over = partition.date < today;
        let chosen = if is_over { tail(&files).or_else(|| class(&files)) } else { class(&files) }?;
        Some(chosen.iter().copied().map(Arc::clone).collect::<Vec<_>>())
    });
    // Where the most files can be had away at once.
    choices.max_by_key(Vec::len)
}

/// The smaller files of a day that is over, up to the first that is much larger than all before it.
fn tail<'a, 'f>(files: &'f [&'a Arc<DataFile>]) -> Option<&'f [&'a Arc<DataFile>]> {
    let mut rows = 0;
    let worth_it = files.iter().take_while(|file| {
        let joins = rows == 0 || file.rows <= rows * FAN_IN as u64;
        rows += file.rows;
        joins
    });
    let count = worth_it.count();
    at_once(&files[..count]).filter(|files| files.len() >= 2)
}

/// As many of the first as one merge may take.
fn at_once<'a, 'f>(files: &'f [&'a Arc<DataFile>]) -> Option<&'f [&'a Arc<DataFile>]> {
    let (mut rows, mut bytes) = (0, 0);
    let fits = files.iter().take(MAX_INPUTS).take_while(|file| {
        rows += file.rows;
        bytes += file.bytes;
        rows <= LARGEST && bytes <= LARGEST_BYTES
    });
    files.get(..fits.count())
}

/// Enough files of one size class.
fn class<'a, 'f>(files: &'f [&'a Arc<DataFile>]) -> Option<&'f [&'a Arc<DataFile>]> {
    let class = |file: &&Arc<DataFile>| (file.rows / SMALLEST).max(1).ilog(FAN_IN as u64);
    // Fewer than that of the largest classes are too many rows for one merge.
    let enough = |files: &&[&Arc<DataFile>]| files.len() >= 2;
    files
        .chunk_by(|one, other| class(one) == class(other))
        .filter(|files| files.len() >= FAN_IN)
        .find_map(|files| at_once(files).filter(enough))
}

impl Store {
    /// Merges files of all tables for as long as there is something worth merging.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the commit fails. Everything is as before then.
    pub async fn compact(&self) -> Result<Compaction, Error> {
        self.compact_until(&Arc::default()).await
    }

    async fn compact_until(&self, stop: &Arc<AtomicBool>) -> Result<Compaction, Error> {
        let mut done = Compaction::default();
        let mut first_error = None;
        for table in Table::ALL {
            while let Some(files) = self.worth_merging(table).await? {
                if stop.load(Ordering::Relaxed) || !self.has_room_for(&files) {
                    return Ok(done);
                }
                match self.merge_files(table, &files, stop).await {
                    Ok(Some(merged)) => {
                        done.merged_files += files.len() as u64;
                        done.new_files += 1;
                        done.rows += merged.rows;
                        done.doubles += merged.doubles;
                    }
                    Ok(None) => {}
                    Err(Error::Closed) => return Ok(done),
                    Err(error) => {
                        // One file that cannot be read must not keep all others small. It is tried again after a restart.
                        self.inner.unmergeable().extend(files.iter().map(|file| file.path.clone()));
                        tracing::error!(table = table.name(), files = files.len(), %error, "files could not be merged and are left as they are");
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
        first_error.map_or(Ok(done), Err)
    }

    /// The next files to merge. A commit in doubt is settled before: its files may have been merged already.
    async fn worth_merging(&self, table: Table) -> Result<Option<Vec<Arc<DataFile>>>, Error> {
        {
            let mut tables = self.inner.tables.lock().await;
            self.settle(&mut tables, table).await?;
        }
        let files = Arc::clone(&self.read_state().table(table).files);
        Ok(plan(&files, self.inner.clock.now().date(), &self.inner.unmergeable()))
    }

    /// Whether the disk holds what comes out beside what goes in, and still has the room that is to stay free.
    fn has_room_for(&self, files: &[Arc<DataFile>]) -> bool {
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        // What comes out is compressed as well as what goes in, or better; a tenth more is for surprises.
        self.inner.room.has(bytes + bytes / 10)
    }

    /// `None` when the files are no longer what the table is made of.
    pub(crate) async fn merge_files(&self, table: Table, files: &[Arc<DataFile>], stop: &Arc<AtomicBool>) -> Result<Option<Merged>, Error> {
        let (root, now) = (self.inner.folder.table(table), self.inner.clock.now());
        let (inputs, below, stop) = (files.to_vec(), root.clone(), Arc::clone(stop));
        let pace = Pace::new(self.inner.options.compaction_share);
        let written = tokio::task::spawn_blocking(move || {
            let inputs: Vec<&DataFile> = inputs.iter().map(Arc::as_ref).collect();
            let mut writer = FileWriter::create(table, &below, Partition::of(inputs[0].partition.date, now.date()))?;
            let mut pace = pace;
            let merged = merge(table, &below, &inputs, |batch| {
                writer.write(batch)?;
                pace.rest();
                if stop.load(Ordering::Relaxed) { Err(Error::Closed) } else { Ok(()) }
            })?;
            Ok::<_, Error>((writer.finish(now)?, merged))
        });
        let (file, merged) = written.await.map_err(|_| Error::Closed)??;
        // A commit that has begun is seen to its end, also when whoever asked for it goes away.
        let (store, files) = (self.clone(), files.to_vec());
        let replaced = tokio::spawn(async move { store.put_in_place(table, &files, file, merged).await });
        replaced.await.map_err(|_| Error::Closed)?
    }

    async fn put_in_place(&self, table: Table, files: &[Arc<DataFile>], file: DataFile, merged: Merged) -> Result<Option<Merged>, Error> {
        let (root, now) = (self.inner.folder.table(table), self.inner.clock.now());
        let mut tables = self.inner.tables.lock().await;
        self.settle(&mut tables, table).await?;
        let is_part = |file: &Arc<DataFile>| self.read_state().table(table).files.iter().any(|part| part.path == file.path);
        if !files.iter().all(is_part) {
            discard(&root, std::slice::from_ref(&file));
            return Ok(None);
        }
        let file = tables.replace(table, &root, files, file, now).await?;
        let mut state = self.write_state();
        let rows = state.table_mut(table);
        let kept = rows.files.iter().filter(|file| !files.iter().any(|replaced| replaced.path == file.path)).cloned();
        rows.files = Arc::new(kept.chain([file]).collect());
        drop(state);
        self.inner.replaced.extend(files.iter().map(|file| ReplacedFile {
            table,
            path: file.path.clone(),
            since: now,
            readers: Arc::downgrade(file),
        }));
        self.inner.counters.compacted_files.add(files.len() as u64);
        self.inner.counters.doubles_removed.add(merged.doubles);
        if merged.doubles > 0 {
            tracing::warn!(table = table.name(), doubles = merged.doubles, "rows were stored more than once and no longer are");
        }
        Ok(Some(merged))
    }

    /// Removes files that were replaced longer ago than [`crate::Options::keep_replaced`] and that nobody reads. Returns how many.
    pub async fn remove_replaced(&self) -> usize {
        let keep = i64::try_from(self.inner.options.keep_replaced.as_micros()).unwrap_or(i64::MAX);
        let unread = self.inner.replaced.take_unread(self.inner.clock.now().plus_micros(-keep));
        let folder = self.inner.folder.clone();
        let removing = tokio::task::spawn_blocking(move || {
            // What cannot be removed now is found at the next start.
            unread.iter().filter(|file| std::fs::remove_file(folder.table(file.table).join(&file.path)).is_ok()).count()
        });
        removing.await.unwrap_or(0)
    }

    /// Compacts whenever there is something to do, until `shutdown` resolves. Failures are logged, counted and tried again.
    pub async fn compact_regularly(&self, shutdown: impl Future<Output = ()>) {
        let stop = Arc::new(AtomicBool::new(false));
        let work = async {
            loop {
                // What can go wrong here only ends with the process.
                let _ = tokio::select! {
                    () = tokio::time::sleep(self.inner.options.compaction_interval) => self.examine_next().await,
                    () = self.inner.suspicion.notified() => self.examine().await,
                };
                self.remove_replaced().await;
                // A merge needs room for what it writes before the old files go.
                if self.inner.room.is_short() {
                    continue;
                }
                if let Err(error) = self.compact_until(&stop).await {
                    self.inner.counters.compaction_failures.add(1);
                    tracing::error!(%error, "compaction failed; the files are as they were, and it will be tried again");
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown => {}
        }
        // A merge that is under way ends at its next batch.
        stop.store(true, Ordering::Relaxed);
    }
}

/// Keeps the part of the time that is worked at or below a share, so that ingest and queries find the processor free.
struct Pace {
    share: f64,
    since: Instant,
}

impl Pace {
    const LONGEST_REST: Duration = Duration::from_secs(1);

    fn new(share: f64) -> Self {
        #[allow(clippy::disallowed_methods, reason = "a length of time, not a time of day")]
        let since = Instant::now();
        Self { share: share.clamp(0.05, 1.0), since }
    }

    fn rest(&mut self) {
        let rest = self.since.elapsed().mul_f64((1.0 - self.share) / self.share).min(Self::LONGEST_REST);
        if !rest.is_zero() {
            std::thread::sleep(rest);
        }
        *self = Self::new(self.share);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TODAY: i32 = 20_000;

    fn file(number: usize, rows: u64, day: i32) -> Arc<DataFile> {
        let partition = Partition { date: Date::from_days(day) };
        Arc::new(DataFile {
            path: format!("{partition}/{number}.parquet"),
            bytes: rows * 5,
            rows,
            partition,
            modified_ms: 0,
            stats: Vec::new(),
        })
    }

    /// Compacts until there is nothing left to do. Returns how many rows were rewritten.
    fn settle(files: &mut Vec<Arc<DataFile>>) -> u64 {
        let mut rewritten = 0;
        for number in 1_000_000.. {
            let Some(chosen) = plan(files, Date::from_days(TODAY), &HashSet::new()) else { return rewritten };
            let target = |file: &DataFile| Partition::of(file.partition.date, Date::from_days(TODAY));
            assert!(chosen.len() >= 2 && chosen.iter().all(|file| target(file) == target(&chosen[0])));
            let rows = chosen.iter().map(|file| file.rows).sum();
            files.retain(|file| !chosen.iter().any(|chosen| chosen.path == file.path));
            files.push(self::file(number, rows, target(&chosen[0]).date.as_days()));
            rewritten += rows;
        }
        rewritten
    }

    proptest! {
        #[test]
        fn any_files_come_down_to_few_and_no_row_is_lost(sizes in proptest::collection::vec((1..3_000_000_u64, 0..3_i32), 0..200)) {
            let mut files: Vec<_> = sizes.iter().enumerate().map(|(number, (rows, ago))| file(number, *rows, TODAY - ago)).collect();
            let before: u64 = files.iter().map(|file| file.rows).sum();
            settle(&mut files);
            prop_assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), before);
            for ago in 0..3 {
                let open = files.iter().filter(|file| file.partition.date.as_days() == TODAY - ago && file.rows <= LARGEST).count();
                prop_assert!(open <= 40, "{}", open);
            }
        }
    }

    #[test]
    fn a_day_of_flushes_is_rewritten_a_few_times_at_most() {
        let mut files = Vec::new();
        let mut rewritten = 0;
        for number in 0..288 {
            files.push(file(number, 4_000, TODAY));
            rewritten += settle(&mut files);
        }
        assert!(files.len() <= 24, "{}", files.len());
        assert!(rewritten <= 3 * 288 * 4_000, "{rewritten}");
    }

    #[test]
    fn the_days_of_a_month_become_one_file_when_it_has_long_been_over() {
        let first = Date::from_days(TODAY - 100).month_start().as_days();
        let mut files: Vec<_> = (0..28).map(|day| file(usize::try_from(day).unwrap(), 96_000, first + day)).collect();
        assert_eq!(settle(&mut files), 28 * 96_000, "each row is written once more");
        assert_eq!((files.len(), files[0].partition.date.as_days(), files[0].rows), (1, first, 28 * 96_000));
        assert_eq!(
            plan(&[file(1, 96_000, TODAY - 2), file(2, 96_000, TODAY - 1)], Date::from_days(TODAY), &HashSet::new()),
            None,
            "this month's do not"
        );
    }

    #[test]
    fn little_that_comes_late_does_not_rewrite_a_day() {
        assert_eq!(plan(&[file(1, 1_000_000, TODAY - 1), file(2, 10, TODAY - 1)], Date::from_days(TODAY), &HashSet::new()), None);
        assert!(plan(&[file(1, 1_000_000, TODAY - 1), file(2, 200_000, TODAY - 1)], Date::from_days(TODAY), &HashSet::new()).is_some());
        assert_eq!(
            plan(&[file(1, 1_000_000, TODAY), file(2, 200_000, TODAY)], Date::from_days(TODAY), &HashSet::new()),
            None,
            "the day goes on"
        );
    }
}

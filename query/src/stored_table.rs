//! A stored table in SQL: Parquet files chosen by their statistics, and the hot rows, in one plan over one snapshot.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use stadtwarte_store::{DataFile, TableSnapshot};

use crate::access::Visible;
use crate::files::{FileStatistics, planner_statistics};
use crate::hidden::HiddenRows;

/// One stored table as one role sees it.
#[derive(Debug)]
pub(crate) struct StoredTable {
    rows: TableSnapshot,
    schema: SchemaRef,
    /// Set for `observations`: rows of hidden datastreams are filtered inside the scan.
    visible: Option<Visible>,
}

impl StoredTable {
    pub fn new(rows: TableSnapshot, visible: Option<Visible>) -> Self {
        let schema = rows.table.schema();
        Self { rows, schema, visible: visible.filter(|visible| !visible.is_everything()) }
    }

    fn scan_files(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filter: Option<&(Expr, Arc<dyn PhysicalExpr>)>,
        limit: Option<usize>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let files = self.chosen_files(filter.map(|(_, physical)| physical))?;
        if files.is_empty() {
            return Ok(None);
        }
        let runtime = state.runtime_env();
        let store = runtime.object_store(ObjectStoreUrl::local_filesystem())?;
        // A file never changes, so what it says of itself is read once.
        let readers = CachedParquetFileReaderFactory::new(store, runtime.cache_manager.get_file_metadata_cache());
        let mut source =
            ParquetSource::new(Arc::clone(&self.schema)).with_enable_page_index(true).with_parquet_file_reader_factory(Arc::new(readers));
        if let Some((logical, physical)) = filter {
            source = source.with_predicate(Arc::clone(physical)).with_pushdown_filters(is_selective(logical)?);
        }
        let statistics: Vec<_> = files.iter().map(|file| Arc::new(planner_statistics(file, &self.schema))).collect();
        // Exact over whole files, so counts and extremes without a condition are answered from them; the engine knows that a condition
        // makes them estimates.
        let whole = Statistics::try_merge_iter(statistics.iter().map(Arc::as_ref), &self.schema)?;
        let groups = self.groups(&files, statistics, state.config().target_partitions())?;
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(whole)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }

    fn chosen_files(&self, filter: Option<&Arc<dyn PhysicalExpr>>) -> Result<Vec<&DataFile>> {
        let files = &self.rows.files;
        let Some(filter) = filter else { return Ok(files.iter().map(Arc::as_ref).collect()) };
        let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.schema));
        let Some(predicate) = builder.build(Arc::clone(filter)) else { return Ok(files.iter().map(Arc::as_ref).collect()) };
        let keep = predicate.prune(&FileStatistics { files, schema: &self.schema })?;
        Ok(files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file.as_ref())).collect())
    }

    /// Spreads files over partitions so that each has about the same number of bytes.
    fn groups(&self, files: &[&DataFile], statistics: Vec<Arc<Statistics>>, partitions: usize) -> Result<Vec<FileGroup>> {
        let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); partitions.clamp(1, files.len())];
        for (file, statistics) in files.iter().zip(statistics) {
            let path = std::path::absolute(self.rows.root.join(&file.path))?;
            let location = datafusion::object_store::path::Path::from_absolute_path(path)?;
            let partitioned = PartitionedFile::new(String::new(), file.bytes);
            let partitioned = PartitionedFile {
                object_meta: datafusion::object_store::ObjectMeta { location, ..partitioned.object_meta.clone() },
                ..partitioned
            };
            if let Some((bytes, group)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
                *bytes += file.bytes;
                group.push(partitioned.with_statistics(statistics));
            }
        }
        Ok(groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect())
    }
}

/// Whether a filter singles out few rows, so that evaluating it while decoding pays (facts on performance, section 6).
fn is_selective(filter: &Expr) -> Result<bool> {
    const KEYS: [&str; 4] = ["datastream_id", "dev_eui", "uplink_id", "id"];
    let is_key = |expr: &Expr| matches!(expr, Expr::Column(column) if KEYS.contains(&column.name.as_str()));
    filter.exists(|expr| {
        Ok(match expr {
            Expr::BinaryExpr(comparison) => comparison.op == Operator::Eq && (is_key(&comparison.left) || is_key(&comparison.right)),
            Expr::InList(list) => !list.negated && is_key(&list.expr),
            _ => false,
        })
    })
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Files and pages are skipped by statistics; the engine still checks each row.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filter = match conjunction(self.usable(filters)) {
            Some(logical) => {
                let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
                let physical = state.create_physical_expr(logical.clone(), &schema)?;
                Some((logical, physical))
            }
            None => None,
        };
        let (widened, narrowed) = self.projection_with_key(projection);
        // A limit below the visibility filter would count hidden rows.
        let limit = limit.filter(|_| self.visible.is_none());
        let mut parts = Vec::new();
        if !self.rows.hot.is_empty() {
            let hot = MemorySourceConfig::try_new_exec(std::slice::from_ref(&self.rows.hot), Arc::clone(&self.schema), widened.clone())?;
            parts.push(hot as Arc<dyn ExecutionPlan>);
        }
        parts.extend(self.scan_files(state, widened.as_ref(), filter.as_ref(), limit)?);
        let plan = match parts.len() {
            0 => {
                let schema = widened.as_ref().map_or(Ok(Arc::clone(&self.schema)), |columns| self.schema.project(columns).map(Arc::new))?;
                Arc::new(EmptyExec::new(schema))
            }
            1 => parts.swap_remove(0),
            _ => UnionExec::try_new(parts)?,
        };
        self.hide(plan, narrowed)
    }
}

impl StoredTable {
    /// The projection to read, which includes the column that visibility is decided by, and how many of its leading columns were asked for.
    fn projection_with_key(&self, projection: Option<&Vec<usize>>) -> (Option<Vec<usize>>, Option<usize>) {
        const DATASTREAM_ID: usize = 1;
        match (&self.visible, projection) {
            (Some(_), Some(columns)) if !columns.contains(&DATASTREAM_ID) => {
                let widened = columns.iter().copied().chain([DATASTREAM_ID]).collect();
                (Some(widened), Some(columns.len()))
            }
            _ => (projection.cloned(), None),
        }
    }

    /// The conditions that may be evaluated below [`HiddenRows`]: all where nothing is hidden; otherwise only comparisons of columns
    /// with constants, which cannot fail on any row.
    fn usable(&self, filters: &[Expr]) -> Vec<Expr> {
        let all = filters.iter().cloned().flat_map(split_conjunction_owned);
        all.filter(|filter| self.visible.is_none() || cannot_fail(filter)).collect()
    }

    fn hide(&self, plan: Arc<dyn ExecutionPlan>, narrowed: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(visible) = &self.visible else { return Ok(plan) };
        let schema = plan.schema();
        let key = schema.index_of("datastream_id")?;
        let columns = narrowed.unwrap_or(schema.fields().len());
        Ok(Arc::new(HiddenRows::try_new(plan, visible.clone(), key, columns)?))
    }
}

/// Whether a condition is a comparison of a column with constants.
fn cannot_fail(filter: &Expr) -> bool {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(_));
    let is_constant = |expr: &Expr| matches!(expr, Expr::Literal(..));
    match filter {
        Expr::BinaryExpr(comparison) => {
            let (left, right) = (&comparison.left, &comparison.right);
            is_comparison(comparison.op) && (is_column(left) && is_constant(right) || is_constant(left) && is_column(right))
        }
        Expr::InList(list) => is_column(&list.expr) && list.list.iter().all(is_constant),
        Expr::Between(between) => is_column(&between.expr) && is_constant(&between.low) && is_constant(&between.high),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => is_column(inner),
        _ => false,
    }
}

fn is_comparison(operator: Operator) -> bool {
    matches!(operator, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

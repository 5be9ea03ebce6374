//! The tables that one query sees: one snapshot, one role.

use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider};
use datafusion::common::Result;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionContext;
use stadtwarte_model::Role;
use stadtwarte_model::schema::Table;

use crate::functions;
use crate::registry_tables::{device_tables, open_tables};
use crate::stations::View;
use crate::stored_table::StoredTable;

/// `readings` is `observations` with names instead of identifiers.
const READINGS: &str = "
    SELECT o.phenomenon_time AS time, d.thing, d.property, d.channel, o.result AS value, o.result_text AS text, d.unit, o.quality,
           o.lon, o.lat, station_point(o.lon, o.lat) AS geom, d.thing_id, o.datastream_id, o.received_at
    FROM observations o JOIN datastreams d ON o.datastream_id = d.id";

/// A context whose catalogue holds exactly what `role` may read, over the view's snapshot.
pub(crate) async fn context(template: &SessionState, view: View, role: Role) -> Result<SessionContext> {
    // A catalogue of its own: one that queries share would show one caller's tables to another.
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema("public", Arc::new(MemorySchemaProvider::new()))?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog("datafusion".to_owned(), Arc::new(catalog));
    let state = SessionStateBuilder::new_from_existing(template.clone()).with_catalog_list(Arc::new(catalogs)).build();
    let context = SessionContext::new_with_state(state);
    context.register_udf(functions::point());
    let snapshot = view.snapshot();
    let observations = StoredTable::new(snapshot.observations.clone(), Some(view.visible().clone()));
    context.register_table(Table::Observations.name(), Arc::new(observations))?;
    if role.sees_devices() {
        for table in [Table::Uplinks, Table::Quarantine] {
            context.register_table(table.name(), Arc::new(StoredTable::new(snapshot.table(table).clone(), None)))?;
        }
    }
    let view = Arc::new(view);
    let devices = if role.sees_devices() { device_tables(&view) } else { Vec::new() };
    for (name, table) in open_tables(&view).into_iter().chain(devices) {
        context.register_table(name, Arc::new(table))?;
    }
    let readings = context.sql(READINGS).await?.into_unoptimized_plan();
    context.register_table("readings", Arc::new(ViewTable::new(readings, None)))?;
    Ok(context)
}

//! Map layers: GeoJSON files beside the data, kept in memory because they are small and asked for by every visitor.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::error::Error;
use crate::folder::replace_file;

/// One layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its name: lower-case letters, digits and `_`.
    pub name: String,
    /// The GeoJSON `FeatureCollection`, as it is served.
    pub geojson: Bytes,
    /// How many features it has.
    pub features: usize,
    /// Changes whenever the content does.
    pub tag: String,
}

/// The layers of one data folder.
#[derive(Debug)]
pub struct Layers {
    folder: PathBuf,
    layers: Mutex<BTreeMap<String, Arc<Layer>>>,
}

impl Layers {
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        let mut layers = BTreeMap::new();
        if folder.is_dir() {
            for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
                let path = entry.map_err(Error::io(&folder))?.path();
                let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                if path.extension().is_some_and(|extension| extension == "geojson") && is_name(&name) {
                    let content = fs::read(&path).map_err(Error::io(&path))?;
                    layers.insert(name.clone(), Arc::new(parse(name, content)?));
                }
            }
        }
        Ok(Self { folder, layers: Mutex::new(layers) })
    }

    /// All layers, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Layer>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The layer called `name`.
    #[must_use]
    pub fn layer(&self, name: &str) -> Option<Arc<Layer>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Stores a layer, replacing the one of the same name. Blocks on the disk.
    ///
    /// # Errors
    /// `InvalidEntity` when the name or the document is not one; `Io` when it cannot be written.
    pub fn put(&self, name: &str, geojson: Vec<u8>) -> Result<(), Error> {
        if !is_name(name) {
            return Err(Error::InvalidEntity(format!("`{name}` is not a layer name: use lower-case letters, digits and _")));
        }
        let layer = parse(name.to_owned(), geojson)?;
        replace_file(&self.folder.join(format!("{name}.geojson")), &layer.geojson)?;
        self.layers.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::new(layer));
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn parse(name: String, geojson: Vec<u8>) -> Result<Layer, Error> {
    #[derive(serde::Deserialize)]
    struct Collection {
        features: Vec<serde::de::IgnoredAny>,
    }
    let invalid = |error| Error::InvalidEntity(format!("layer {name} is not a GeoJSON FeatureCollection: {error}"));
    let features = serde_json::from_slice::<Collection>(&geojson).map_err(invalid)?.features.len();
    let tag = blake3::hash(&geojson).to_hex()[..16].to_owned();
    Ok(Layer { name, geojson: geojson.into(), features, tag })
}

-- Format version 1 of the registry. Later versions add migrations; they never edit this file.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE locations (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL,
    lon REAL NOT NULL, lat REAL NOT NULL, height_m REAL
) STRICT;

CREATE TABLE things (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, kind TEXT NOT NULL,
    visibility TEXT NOT NULL, properties TEXT NOT NULL, location_id INTEGER REFERENCES locations (id)
) STRICT;

CREATE TABLE historical_locations (
    id INTEGER PRIMARY KEY, thing_id INTEGER NOT NULL REFERENCES things (id),
    location_id INTEGER NOT NULL REFERENCES locations (id), since INTEGER NOT NULL
) STRICT;

CREATE TABLE sensors (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, metadata TEXT NOT NULL
) STRICT;

CREATE TABLE observed_properties (
    id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL, name_de TEXT NOT NULL,
    definition TEXT NOT NULL, description TEXT NOT NULL
) STRICT;

CREATE TABLE datastreams (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL,
    thing_id INTEGER NOT NULL REFERENCES things (id), sensor_id INTEGER NOT NULL REFERENCES sensors (id),
    observed_property_id INTEGER NOT NULL REFERENCES observed_properties (id),
    channel TEXT, unit TEXT NOT NULL, visibility TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX datastreams_key ON datastreams (thing_id, sensor_id, observed_property_id, unit, ifnull(channel, ''));

CREATE TABLE features_of_interest (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, lon REAL, lat REAL, height_m REAL
) STRICT;

CREATE TABLE devices (
    dev_eui TEXT PRIMARY KEY, name TEXT NOT NULL, thing_id INTEGER NOT NULL REFERENCES things (id),
    sensor_id INTEGER NOT NULL REFERENCES sensors (id), profile TEXT NOT NULL, source TEXT NOT NULL, first_seen INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, secret_hash TEXT NOT NULL, created_at INTEGER NOT NULL
) STRICT;

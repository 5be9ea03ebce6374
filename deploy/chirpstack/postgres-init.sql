-- ChirpStack needs this extension; only a superuser can add it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

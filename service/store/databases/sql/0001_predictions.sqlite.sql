CREATE TABLE versions (
  id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  schema_json TEXT NOT NULL,
  UNIQUE (model, sha256)
);

CREATE TABLE predictions (
  id BLOB NOT NULL,
  row INTEGER NOT NULL,
  version_id INTEGER NOT NULL REFERENCES versions (id),
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  threshold REAL,
  prediction REAL,
  outputs BLOB,
  label TEXT,
  imputed TEXT,
  key_id TEXT,
  subject BLOB,
  PRIMARY KEY (id, row, version_id)
) WITHOUT ROWID;

CREATE INDEX predictions_by_version ON predictions (version_id, at);

CREATE INDEX predictions_by_subject ON predictions (subject) WHERE subject IS NOT NULL;

CREATE TABLE inputs (
  id BLOB NOT NULL,
  row INTEGER NOT NULL,
  row_values TEXT NOT NULL,
  PRIMARY KEY (id, row)
) WITHOUT ROWID;

CREATE TABLE counts (
  hours INTEGER NOT NULL,
  hour BIGINT NOT NULL,
  version_id INTEGER NOT NULL REFERENCES versions (id),
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  bin INTEGER NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (hours, hour, version_id, kind, name, bin)
) WITHOUT ROWID;

CREATE TABLE writers (
  id BLOB PRIMARY KEY,
  batch BIGINT NOT NULL,
  at BIGINT NOT NULL
);

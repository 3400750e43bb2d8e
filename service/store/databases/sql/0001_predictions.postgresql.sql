CREATE TABLE versions (
  id INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  model TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  schema_json TEXT NOT NULL,
  UNIQUE (model, sha256)
);

CREATE TABLE predictions (
  id BYTEA NOT NULL,
  row INTEGER NOT NULL,
  version_id INTEGER NOT NULL REFERENCES versions (id),
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,
  threshold DOUBLE PRECISION,
  prediction DOUBLE PRECISION,
  outputs BYTEA,
  label TEXT,
  imputed TEXT,
  key_id TEXT,
  subject BYTEA,
  PRIMARY KEY (id, row, version_id)
);

CREATE INDEX predictions_by_version ON predictions (version_id, at);

CREATE INDEX predictions_by_subject ON predictions (subject) WHERE subject IS NOT NULL;

CREATE TABLE inputs (
  id BYTEA NOT NULL,
  row INTEGER NOT NULL,
  row_values TEXT NOT NULL,
  PRIMARY KEY (id, row)
);

CREATE TABLE counts (
  hours INTEGER NOT NULL,
  hour BIGINT NOT NULL,
  version_id INTEGER NOT NULL REFERENCES versions (id),
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  bin INTEGER NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (hours, hour, version_id, kind, name, bin)
);

CREATE TABLE writers (
  id BYTEA PRIMARY KEY,
  batch BIGINT NOT NULL,
  at BIGINT NOT NULL
);

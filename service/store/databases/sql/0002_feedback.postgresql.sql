CREATE TABLE feedback (
  id BYTEA NOT NULL,
  row INTEGER NOT NULL,
  number INTEGER NOT NULL,
  at BIGINT NOT NULL,
  truth TEXT NOT NULL,
  key_id TEXT,
  PRIMARY KEY (id, row, number)
);

CREATE TABLE erasures (
  id BYTEA PRIMARY KEY,
  at BIGINT NOT NULL
);

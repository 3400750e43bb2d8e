CREATE TABLE feedback (
  id BLOB NOT NULL,
  row INTEGER NOT NULL,
  number INTEGER NOT NULL,
  at BIGINT NOT NULL,
  truth TEXT NOT NULL,
  key_id TEXT,
  PRIMARY KEY (id, row, number)
) WITHOUT ROWID;

CREATE TABLE erasures (
  id BLOB PRIMARY KEY,
  at BIGINT NOT NULL
);

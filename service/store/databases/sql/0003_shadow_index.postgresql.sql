-- Ids begin with the time, so the primary key finds the rows of a window. Only the few rows of shadow
-- versions need an index of their own.
DROP INDEX predictions_by_version;

CREATE INDEX predictions_of_shadows ON predictions (version_id, at) WHERE kind = 'shadow';

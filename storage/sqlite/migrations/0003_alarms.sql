-- An alarm rings from a time on, by the clock of its workspace or, as a timer, by the
-- real one. due is when that is by the real clock, in microseconds since 1970, as
-- long as the workspace's clock is not set: then it is computed anew. So one index
-- leads to all that ring, of whatever workspace.
CREATE TABLE alarm (
  workspace INTEGER NOT NULL,
  name      TEXT    NOT NULL,
  timer     INTEGER NOT NULL, -- 1 for a timer
  at        INTEGER NOT NULL, -- by the workspace's clock; of a timer it means nothing
  due       INTEGER NOT NULL, -- 2^63-1 for never
  PRIMARY KEY (workspace, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX alarm_due ON alarm (timer, due);

-- An alarm rings from a time on, by the clock of its workspace or, as a timer, by the
-- database's. due is when that is by the real clock, in microseconds since 1970, as
-- long as the workspace's clock is not set: then it is computed anew. So one index
-- leads to all that ring, of whatever workspace.
CREATE TABLE alarm (
  workspace bigint  NOT NULL,
  name      bytea   NOT NULL,
  timer     boolean NOT NULL,
  at        bigint  NOT NULL, -- by the workspace's clock; of a timer it means nothing
  due       bigint  NOT NULL, -- 2^63-1 for never
  PRIMARY KEY (workspace, name)
) WITH (fillfactor = 70);
CREATE INDEX alarm_due ON alarm (timer, due);

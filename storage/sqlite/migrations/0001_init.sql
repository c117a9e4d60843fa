-- A workspace is a number everywhere else: names are long, and a number can
-- later be swapped for another to replace a whole workspace at once.
CREATE TABLE workspace (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- key is workspace << 32 | sequence number, so that the records of a workspace
-- lie together, in insertion order. Times are microseconds since 1970.
CREATE TABLE record (
  key       INTEGER PRIMARY KEY,
  workspace INTEGER NOT NULL,
  kind      TEXT    NOT NULL,
  id        TEXT    NOT NULL,
  parent    TEXT    NOT NULL,
  gone      INTEGER NOT NULL, -- 1 when deleted
  created   INTEGER NOT NULL,
  updated   INTEGER NOT NULL,
  deleted   INTEGER NOT NULL, -- means something only when gone
  version   INTEGER NOT NULL,
  keys      BLOB    NOT NULL, -- what the index entries of this record are
  body      BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX record_id ON record (workspace, kind, id);
-- Both end with the key, as every index does, hence list in insertion order.
CREATE INDEX record_order ON record (workspace, kind, gone);
CREATE INDEX record_parent ON record (workspace, kind, parent, gone) WHERE parent <> '';

CREATE TABLE entry (
  workspace INTEGER NOT NULL,
  kind      TEXT    NOT NULL,
  name      TEXT    NOT NULL,
  gone      INTEGER NOT NULL,
  value     TEXT    NOT NULL,
  key       INTEGER NOT NULL,
  uniq      INTEGER NOT NULL,
  parent    TEXT    NOT NULL,
  PRIMARY KEY (workspace, kind, name, gone, value, key)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entry_unique ON entry (workspace, kind, name, value) WHERE uniq = 1 AND gone = 0;
CREATE INDEX entry_parent ON entry (workspace, kind, parent, name, gone, value) WHERE parent <> '';

-- kind '' is a sequence: name '' counts records, any other name is the caller's.
-- Otherwise name '' is the whole kind, any other name a parent; own counts the
-- records of the kind that have no parent.
CREATE TABLE counter (
  workspace  INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  last       INTEGER NOT NULL,
  living     INTEGER NOT NULL,
  gone       INTEGER NOT NULL,
  own_living INTEGER NOT NULL,
  own_gone   INTEGER NOT NULL,
  PRIMARY KEY (workspace, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
  workspace INTEGER NOT NULL,
  sha256    TEXT    NOT NULL,
  content   BLOB    NOT NULL,
  UNIQUE (workspace, sha256)
) STRICT;

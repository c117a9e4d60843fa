-- Everything is bytes, not text: text has a collation and no NUL.
--
-- Tables are searched by places. A place begins with the eight bytes of the
-- workspace's number, so that a workspace is a range of places and is copied by
-- replacing them; what follows is made by place() in codec.go. Every list has
-- one column that names it, by which one index leads to it: there is nothing for
-- the planner to choose.

CREATE TABLE workspace (
  number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest     bytea   NOT NULL UNIQUE, -- SHA-256 of the name, which may be too long for an index
  name       bytea   NOT NULL,
  -- Every update that writes adds one to the revision and its token, eight random
  -- bytes, in front of the tokens: so it can be found out later whether it did.
  revision   bigint  NOT NULL,
  tokens     bytea   NOT NULL,
  frozen     boolean NOT NULL, -- the clock stands
  stands_at  bigint  NOT NULL, -- microseconds since 1970; means something only when frozen
  runs_ahead bigint  NOT NULL, -- nanoseconds; means something only when not frozen
  id_source  bytea   NOT NULL,
  id_seed    bigint  NOT NULL,
  data       bytea   NOT NULL
) WITH (fillfactor = 50); -- room for the new version of a row beside the old
CREATE INDEX workspace_name ON workspace (substr(name, 1, 1000));

-- key is workspace << 32 | seq. Times are microseconds since 1970.
CREATE TABLE record (
  key     bigint PRIMARY KEY,
  seq     bigint NOT NULL,
  list    bytea  NOT NULL, -- workspace, kind, living or deleted
  family  bytea,           -- the same and the parent; null without one
  address bytea  NOT NULL, -- workspace, kind, id
  id      bytea  NOT NULL,
  parent  bytea  NOT NULL,
  created bigint NOT NULL,
  updated bigint NOT NULL,
  deleted bigint,          -- null while it lives
  version bigint NOT NULL,
  keys    bytea  NOT NULL, -- what the index entries of this record are
  body    bytea  NOT NULL
);
CREATE UNIQUE INDEX record_address ON record (address);
-- The order is by seq and not by key: for that, the primary key would be an
-- alternative, and a slow one.
CREATE INDEX record_list ON record (list, seq);
CREATE INDEX record_family ON record (family, seq) WHERE family IS NOT NULL;

-- An index entry of the database has room for no more than 2,700 bytes. So a
-- value is kept in two parts: its head, the first thousand bytes, and its tail.
-- Values that have a tail are in a list of their own, and the two are merged.
CREATE TABLE entry (
  list   bytea  NOT NULL, -- workspace, kind, index, living or deleted, with a tail or without
  head   bytea  NOT NULL,
  key    bigint NOT NULL, -- of the record
  tail   bytea  NOT NULL,
  family bytea,           -- as list, and the parent; null without one
  uniq   bytea,           -- workspace, kind, index, value; null unless it must be unique now
  PRIMARY KEY (list, head, key)
);
CREATE INDEX entry_family ON entry (family, head, key) WHERE family IS NOT NULL;
CREATE UNIQUE INDEX entry_uniq ON entry (uniq) WHERE uniq IS NOT NULL;

-- A sequence has kind '': name '' counts records, any other name is the caller's.
-- Otherwise name '' is the whole kind, any other name a parent; own counts the
-- records of the kind that have no parent.
CREATE TABLE counter (
  place      bytea  PRIMARY KEY, -- workspace, kind, name
  last       bigint NOT NULL,
  living     bigint NOT NULL,
  gone       bigint NOT NULL,
  own_living bigint NOT NULL,
  own_gone   bigint NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE blob (
  workspace bigint NOT NULL,
  sha256    bytea  NOT NULL,
  content   bytea  NOT NULL,
  PRIMARY KEY (workspace, sha256)
);

-- What a workspace holds lies in layers, so that a copy of it costs no more than a
-- few rows: what a newer layer has of a record, a counter or a blob hides what an
-- older one has. A workspace without rows here has one layer, of its own number; only
-- the first layer of a workspace is written to, and no other workspace has it. In the
-- tables of contents, workspace is the number of a layer. A record that is gone for
-- good, yet lies in an older layer, is a row with kind '' and gone 2.
--
-- In the counter of records (kind '', name ''), living is how many there are, and gone
-- their bytes and those of the blobs: see addUsage.
CREATE TABLE chain (
  workspace INTEGER NOT NULL,
  depth     INTEGER NOT NULL, -- the newest first
  layer     INTEGER NOT NULL,
  PRIMARY KEY (workspace, depth)
) STRICT, WITHOUT ROWID;
CREATE INDEX chain_layer ON chain (layer);

-- Layers that no workspace has: their rows are removed a few at a time.
CREATE TABLE garbage (
  layer INTEGER PRIMARY KEY
) STRICT;

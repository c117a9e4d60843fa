-- What a workspace holds lies in layers, so that a copy of it costs no more than a row:
-- what a newer layer has of a record, a counter or a blob hides what an older one has.
-- In the tables of contents, the number of the workspace is that of a layer; they are
-- of one sequence. Only the first layer of a workspace is written to, and no other
-- workspace has it. A record that is gone for good, yet lies in an older layer, is a
-- row in a list of its own.
ALTER TABLE workspace ADD COLUMN layers bigint[]; -- the newest first; null: one, of its own number
ALTER TABLE workspace ADD COLUMN records bigint NOT NULL DEFAULT 0; -- how many it holds, and
ALTER TABLE workspace ADD COLUMN bytes   bigint NOT NULL DEFAULT 0; -- their bytes and those of the blobs
CREATE INDEX workspace_layers ON workspace USING gin (layers) WITH (fastupdate = off) WHERE layers IS NOT NULL;

-- Layers that a workspace has left: if none has them, their rows are removed a few at
-- a time, and if they can be merged with others, they are.
CREATE TABLE garbage (
  layer bigint PRIMARY KEY
);

-- How the workspace behaves; the defaults are those of one that nobody touched.
ALTER TABLE workspace ADD COLUMN frozen     INTEGER NOT NULL DEFAULT 0;  -- 1 when the clock stands
ALTER TABLE workspace ADD COLUMN stands_at  INTEGER NOT NULL DEFAULT 0;  -- microseconds since 1970; means something only when frozen
ALTER TABLE workspace ADD COLUMN runs_ahead INTEGER NOT NULL DEFAULT 0;  -- nanoseconds; means something only when not frozen
ALTER TABLE workspace ADD COLUMN id_source  TEXT    NOT NULL DEFAULT '';
ALTER TABLE workspace ADD COLUMN id_seed    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspace ADD COLUMN data       TEXT    NOT NULL DEFAULT '';

/**
 * The tables of the index. They belong to it alone: rows are written by `IdempotencyWriter`, never by hand.
 *
 * - `id_runs`: the catalogue. `state` as in `runStates`; `records` of a building run: how many it has consumed;
 *   `newest`: the highest receivedAt in it. Numbers are never reused, so that a stale one names nothing else.
 * - `id_blocks`: the records of a run, ascending by key, cut into blocks. Blocks of all runs are appended to one table,
 *   which SQLite does fastest, and are found by run and first key.
 * - `id_filters`: the filter of a run, cut into parts, so that no step has to write a large one at once.
 */
export const idempotencyTables = `
CREATE TABLE id_runs (
  run INTEGER PRIMARY KEY AUTOINCREMENT,
  level INTEGER NOT NULL,
  state INTEGER NOT NULL,
  records INTEGER NOT NULL,
  newest REAL NOT NULL,
  filter_bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE id_blocks (
  block INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  first BLOB NOT NULL,
  records BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX id_blocks_by_key ON id_blocks (run, first);
CREATE TABLE id_filters (
  run INTEGER NOT NULL,
  part INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (run, part)
) STRICT;
`

/** Readers see live runs only; dead ones are cleared away step by step. */
export const runStates = { building: 0, live: 1, dead: 2 } as const

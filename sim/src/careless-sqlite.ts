import { DatabaseSync } from 'node:sqlite'

/**
 * Loaded before a server (`node --import`), in each of its threads, this makes SQLite sync less than the server asks for,
 * and lie about it. A test of power cuts that stays green with it is blind.
 */
const { exec, prepare } = DatabaseSync.prototype
const setting = /pragma\s+synchronous\s*=\s*\w+/gi
const question = /^\s*pragma\s+synchronous\s*;?\s*$/i

DatabaseSync.prototype.exec = function (sql) {
  exec.call(this, sql.replace(setting, 'PRAGMA synchronous = NORMAL'))
}
DatabaseSync.prototype.prepare = function (sql, ...rest) {
  return prepare.call(this, question.test(sql) ? 'SELECT 2 AS synchronous' : sql, ...rest)
}

/**
 * The durable side of the store: every object as it is now, and the newest revision, in SQLite.
 *
 * Reads never come here after the start. A write is one transaction in WAL mode, without waiting
 * for the disk: a killed process loses nothing, a power failure may lose the last moments, and
 * neither leaves half a write.
 */
import { DatabaseSync } from 'node:sqlite'
import type { KubeObject } from './kube-object.ts'

export interface StoredObject {
  readonly collection: string
  readonly object: KubeObject
}

/** One object as it is after the write; `object` is undefined when it is gone. */
export interface JournalWrite {
  readonly revision: number
  readonly collection: string
  readonly namespace: string
  readonly name: string
  readonly object: KubeObject | undefined
}

const LAYOUT_VERSION = 1

const layout = `
  CREATE TABLE IF NOT EXISTS objects (
    collection TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (collection, namespace, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = ${LAYOUT_VERSION};`

export class Journal {
  readonly #database: DatabaseSync
  readonly #put
  readonly #remove
  readonly #count

  /** @throws Error when the file was written by a newer version or is no database */
  constructor(path: string) {
    this.#database = new DatabaseSync(path)
    this.#database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000;',
    )
    this.#refuseNewerLayout(path)
    this.#database.exec(layout)
    this.#put = this.#database.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)')
    this.#remove = this.#database.prepare(
      'DELETE FROM objects WHERE collection = ? AND namespace = ? AND name = ?',
    )
    this.#count = this.#database.prepare('INSERT OR REPLACE INTO counters VALUES (?, ?)')
  }

  #refuseNewerLayout(path: string): void {
    const { user_version } = this.#database.prepare('PRAGMA user_version').get() ?? {}
    if (Number(user_version) > LAYOUT_VERSION)
      throw new Error(`${path} was written by a newer version of MiniRedis`)
  }

  readAll(): StoredObject[] {
    return this.#database
      .prepare('SELECT collection, body FROM objects ORDER BY collection, namespace, name')
      .all()
      .map(({ collection, body }) => ({
        collection: String(collection),
        object: JSON.parse(String(body)) as KubeObject,
      }))
  }

  readRevision(): number {
    const row = this.#database.prepare("SELECT value FROM counters WHERE name = 'revision'").get()
    return Number(row?.value ?? 0)
  }

  write({ revision, collection, namespace, name, object }: JournalWrite): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      if (object === undefined) this.#remove.run(collection, namespace, name)
      else this.#put.run(collection, namespace, name, JSON.stringify(object))
      this.#count.run('revision', revision)
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }

  close(): void {
    this.#database.close()
  }
}

import type { Entry, Table } from "../ports/Cluster.js"

/** What a change has replaced. */
interface Change {
  readonly key: string
  readonly before: Entry | undefined
  /** The revision of the change before, which may have been a removal; 0: there was none. */
  readonly changedAt: number
}

interface Contents {
  readonly entries: Map<string, Entry>
  /** Of the last change. */
  revision: number
  /** By key: the revision of its last change. */
  readonly changedAt: Map<string, number>
  /** The last changes. */
  changes: Array<Change>
}

/** Changes that can be forgotten. */
const maxChanges = 64

const empty = (): Contents => ({ entries: new Map(), revision: 0, changedAt: new Map(), changes: [] })

/** The entries of a directory. */
export class MemoryTables {
  private readonly tables: Record<Table, Contents> = { names: empty(), nodes: empty() }
  /** How often all entries were lost. */
  losses = 0

  get(table: Table, key: string): Entry | undefined {
    return this.tables[table].entries.get(key)
  }

  entries(table: Table): ReadonlyArray<Entry> {
    return [...this.tables[table].entries.values()]
  }

  /** That of the last change. */
  revisionOf(table: Table): number {
    return this.tables[table].revision
  }

  /** The revision of the last change of an entry, which may have been its removal; 0: there was none. */
  changedAt(table: Table, key: string): number {
    return this.tables[table].changedAt.get(key) ?? 0
  }

  /** As `Directory.swap`. */
  swap(table: Table, key: string, revision: number, value: string | undefined): number | undefined {
    const contents = this.tables[table]
    const before = contents.entries.get(key)
    if ((before?.revision ?? 0) !== revision) return undefined
    contents.revision += 1
    contents.changes.push({ key, before, changedAt: this.changedAt(table, key) })
    contents.changedAt.set(key, contents.revision)
    if (contents.changes.length > maxChanges) contents.changes.shift()
    if (value === undefined) contents.entries.delete(key)
    else contents.entries.set(key, { key, value, revision: contents.revision })
    return contents.revision
  }

  /** All entries are lost. */
  clear() {
    this.losses += 1
    for (const contents of Object.values(this.tables)) {
      contents.entries.clear()
      contents.changedAt.clear()
      contents.changes = []
    }
  }

  /** The last changes of a table were never made, and their revisions are used again. Returns how many they were. */
  goBack(table: Table, count: number): number {
    const contents = this.tables[table]
    const forgotten = contents.changes.splice(Math.max(0, contents.changes.length - count))
    for (const { before, changedAt, key } of forgotten.toReversed()) {
      contents.changedAt.set(key, changedAt)
      if (before === undefined) contents.entries.delete(key)
      else contents.entries.set(key, before)
    }
    contents.revision -= forgotten.length
    return forgotten.length
  }
}

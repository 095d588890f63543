import type { Entry, Table } from "../ports/Cluster.js"

/** The entries of a directory. */
export class MemoryTables {
  private readonly tables: Record<Table, Map<string, Entry>> = { names: new Map(), nodes: new Map() }
  private revision = 0
  /** How often all entries were lost. */
  losses = 0

  get(table: Table, key: string): Entry | undefined {
    return this.tables[table].get(key)
  }

  entries(table: Table): ReadonlyArray<Entry> {
    return [...this.tables[table].values()]
  }

  /** As `Directory.swap`. */
  swap(table: Table, key: string, revision: number, value: string | undefined): number | undefined {
    const entries = this.tables[table]
    if ((entries.get(key)?.revision ?? 0) !== revision) return undefined
    this.revision += 1
    if (value === undefined) entries.delete(key)
    else entries.set(key, { key, value, revision: this.revision })
    return this.revision
  }

  /** All entries are lost. */
  clear() {
    this.losses += 1
    for (const entries of Object.values(this.tables)) entries.clear()
  }
}

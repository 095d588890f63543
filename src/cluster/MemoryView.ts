import type { Entry, Table } from "../ports/Cluster.js"
import type { MemoryTables } from "./MemoryTables.js"

/** A reading is older than what this process has written. */
export class OutOfDate extends Error {}

/**
 * A table as a process sees it. The engine uses revisions again after it went back to an earlier state. As soon as the
 * process notices that, revisions grow for it all the same, as with `NatsTable`.
 */
export class MemoryView {
  /** What is added to the revisions of the table. */
  private base = 0
  private highest = 0
  /** The revisions of its writes. */
  private readonly own = new Map<string, number>()
  /** How often it has noticed that entries were lost. */
  losses = 0

  /** @param noticed called when it notices that the table went back */
  constructor(
    private readonly tables: MemoryTables,
    private readonly table: Table,
    private readonly noticed: () => void
  ) {}

  get(key: string): Entry | undefined {
    if (this.base + this.tables.changedAt(this.table, key) < (this.own.get(key) ?? 0)) {
      this.wentBack()
      throw new OutOfDate()
    }
    const entry = this.tables.get(this.table, key)
    return entry && this.show(entry)
  }

  show(entry: Entry): Entry {
    return { ...entry, revision: this.revisionOf(entry.revision) }
  }

  revisionOf(revision: number): number {
    const shown = this.base + revision
    this.highest = Math.max(this.highest, shown)
    return shown
  }

  /**
   * As `Directory.swap`.
   *
   * @param announce called with the revision of the table if it was done
   */
  swap(
    key: string,
    revision: number,
    value: string | undefined,
    announce: (revision: number) => void
  ): number | undefined {
    const { base } = this
    const expected = revision === 0 ? 0 : revision - base
    if (expected < 0 || (expected === 0 && revision !== 0)) return undefined // it went back since
    const done = this.tables.swap(this.table, key, expected, value)
    if (done === undefined) return undefined
    const isLower = base + done <= this.highest
    announce(done)
    if (isLower && this.base === base) this.wentBack()
    const shown = this.revisionOf(done)
    this.own.set(key, shown)
    return shown
  }

  /** It was shown a revision that the table does not have yet. */
  get isAhead(): boolean {
    return this.tables.revisionOf(this.table) < this.highest - this.base
  }

  wentBack() {
    this.base = this.highest
    this.forget()
    this.noticed()
  }

  /** All entries are lost. */
  forget() {
    this.own.clear()
    this.losses += 1
  }
}

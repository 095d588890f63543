import type { Entry, Table, TableEvents } from "../ports/Cluster.js"
import type { MemoryTables } from "./MemoryTables.js"
import type { MemoryView } from "./MemoryView.js"

/** Something that a watch will be notified of. */
interface Notice {
  /** The entry that has changed; undefined: it is no change. */
  readonly key?: string
  /** Of the change in the table; 0: it is none. */
  revision: number
  tell: () => void
}

interface MemoryWatchOptions {
  readonly table: Table
  readonly events: TableEvents
  readonly tables: MemoryTables
  /** What the watching process has seen of the table. */
  readonly view: MemoryView
  /** See `MemoryClusterOptions`. */
  readonly after: (millis: number, run: () => void) => () => void
  readonly watchDelay: () => number
  readonly merges: () => boolean
  /** Whether the engine can be reached. */
  readonly isConnected: () => boolean
  /** Notifies the process, now or once it is no longer paused; not after the watch has ended. */
  readonly notify: (run: () => void) => void
}

/** A watch of a table in memory, which is notified of everything in order, whatever the delays. */
export class MemoryWatch {
  readonly table: Table
  /** The losses that its process had noticed when it started last. */
  private losses: number
  /** The highest revision that it was notified of, or will be. */
  private revision = 0
  /** The highest that it was notified of. */
  private told = 0
  /** What it will be notified of, in order. Another array after each start: what was in the old one is lost. */
  private waiting: Array<Notice> = []
  /** It is notified of nothing more until it starts again. */
  private isStalled = false

  constructor(private readonly options: MemoryWatchOptions) {
    this.table = options.table
    this.losses = options.view.losses
  }

  /** Starts, or starts again: with all entries. */
  start() {
    const { events, table, tables, view } = this.options
    if (view.isAhead) return view.wentBack() // which starts it again
    this.waiting = []
    this.isStalled = false
    this.revision = tables.revisionOf(table)
    this.told = this.revision
    const isEmptied = this.losses < view.losses
    this.losses = view.losses
    this.tell({ revision: 0, tell: () => events.restarted(isEmptied) })
    for (const stored of tables.entries(table)) {
      const entry = view.show(stored)
      this.tell({ revision: 0, tell: () => events.put(entry) })
    }
    this.tell({ revision: 0, tell: () => events.current() })
  }

  /** Its connection is lost, and what was on its way. */
  drop() {
    this.waiting = []
  }

  stall() {
    this.isStalled = true
    this.waiting = []
  }

  /** An entry has changed; undefined: it was removed. */
  announce(key: string, revision: number, entry: Entry | undefined) {
    const { events, isConnected, merges, view } = this.options
    if (this.isStalled || !isConnected()) return
    if (revision <= this.revision) return view.wentBack()
    this.revision = revision
    const before = this.waiting.findLast((notice) => notice.key === key)
    if (before !== undefined && merges()) before.tell = () => {}
    const shown = view.revisionOf(revision)
    const put = entry && view.show(entry)
    this.tell({ key, revision, tell: () => (put === undefined ? events.removed(key, shown) : events.put(put)) })
  }

  /** Whether it was notified, or will be, of a change after this one. */
  isAfter(revision: number): boolean {
    return this.revision > revision
  }

  /** The engine has forgotten the changes after a revision: those that it has not reported yet are dropped. */
  untell(revision: number) {
    const first = this.waiting.findIndex((notice) => notice.revision > revision)
    if (first === -1) return
    for (const notice of this.waiting.slice(first)) {
      notice.tell = () => {}
      notice.revision = 0
    }
    this.revision = Math.max(this.told, ...this.waiting.map((notice) => notice.revision))
  }

  /** Notices after this time that the engine went back, unless it has started again until then. */
  noticeLater(millis: number) {
    const { after, isConnected, view } = this.options
    const { waiting } = this
    after(millis, () => {
      if (this.waiting === waiting && isConnected()) view.wentBack()
    })
  }

  /** Whether it has reported everything. */
  get isCurrent(): boolean {
    const { table, tables } = this.options
    return !this.isStalled && this.waiting.length === 0 && this.revision <= tables.revisionOf(table)
  }

  private tell(notice: Notice) {
    const { after, notify, watchDelay } = this.options
    const { waiting } = this
    waiting.push(notice)
    after(watchDelay(), () => {
      if (this.waiting !== waiting) return // started again
      const next = waiting.shift()
      this.told = Math.max(this.told, next?.revision ?? 0)
      if (next !== undefined) notify(() => next.tell())
    })
  }
}

import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import {
  ClusterUnavailable,
  type ClusterService,
  type Entry,
  type LinkEvents,
  type Table,
  type TableEvents
} from "../ports/Cluster.js"
import { MemoryTables } from "./MemoryTables.js"
import { MemoryView, OutOfDate } from "./MemoryView.js"
import { MemoryWatch } from "./MemoryWatch.js"

/** What becomes of a request to the directory, in milliseconds; undefined: never. */
export interface RequestFate {
  /** Until it is carried out. It may be later than its answer was waited for. */
  readonly arrives: number | undefined
  /** From then until the answer. */
  readonly answers: number | undefined
}

export interface MemoryClusterOptions {
  /** The delay of each copy of a frame in milliseconds: none if it is lost, two if it comes twice. `[0]` by default. */
  readonly carry?: (from: string, to: string) => ReadonlyArray<number>
  /** At once by default. */
  readonly request?: (node: string) => RequestFate
  /** The delay of a change of a table until a node learns of it, in milliseconds. 0 by default. */
  readonly watchDelay?: (node: string) => number
  /**
   * Whether a node is not notified of a change if the entry has changed again since, as with an engine that keeps only
   * the last one. Never by default.
   */
  readonly merges?: (node: string) => boolean
  /**
   * Whether a watch still reports changes that the engine forgot (`goBack`) before they were reported, and how long it
   * takes to start again, in milliseconds, unless a change of a lower revision comes first. By default it reports them,
   * and starts again at once.
   */
  readonly forgotten?: (node: string) => { readonly isTold: boolean; readonly noticedAfter: number }
  /** Called when a swap was carried out. */
  readonly swapped?: (by: string, table: Table, key: string, value: string | undefined) => void
  /** How long a request waits for its answer, in milliseconds. 400 by default. */
  readonly timeoutMillis?: number
  /**
   * Calls back later, in the order of time and then of the calls; returns what calls it off. By default Effect's clock.
   */
  readonly after?: (millis: number, run: () => void) => () => void
}

/** The largest frame, as that of NATS. */
const maxFrameBytes = 1_048_576

/**
 * Effect's clock. A delay of 0 ends with the turn of the event loop, so that no handler is called by what it does
 * itself.
 */
const afterOf =
  (runtime: Runtime.Runtime<never>) =>
  (millis: number, run: () => void): (() => void) => {
    if (millis > 0) return Runtime.runCallback(runtime)(Effect.delay(Effect.sync(run), millis))
    const immediate = setImmediate(run)
    return () => clearImmediate(immediate)
  }

/** An engine in this process, with everything that may happen to a real one. For tests. */
export const make = (options: MemoryClusterOptions = {}): Effect.Effect<MemoryCluster> =>
  Effect.map(Effect.runtime<never>(), (runtime) => new MemoryCluster({ after: afterOf(runtime), ...options }))

interface Member {
  /** Of its node. */
  name: string
  link: LinkEvents | undefined
  isConnected: boolean
  /** What happens to it once it goes on; undefined unless it is paused. */
  paused: Array<() => void> | undefined
  readonly watches: Set<MemoryWatch>
  readonly views: Record<Table, MemoryView>
}

export class MemoryCluster {
  private readonly tables = new MemoryTables()
  private readonly members = new Map<string, Member>()
  private readonly cuts = new Set<string>()
  private isUp = true
  /** How often the engine went down: each time, it loses what is on its way. */
  private life = 0

  constructor(private readonly options: MemoryClusterOptions & Required<Pick<MemoryClusterOptions, "after">>) {}

  /**
   * The engine as a node of this name sees it.
   *
   * @param process distinguishes the processes of one name. All that follows is about processes, by default the node's
   * own one
   */
  service(node: string, process = node): ClusterService {
    const member = this.member(process)
    member.name = node
    return {
      node,
      directory: {
        get: (table, key) => this.request(member, () => member.views[table].get(key)),
        swap: (table, key, revision, value) =>
          this.request(member, () => {
            const done = member.views[table].swap(key, revision, value, (revision) =>
              this.announce(table, key, revision)
            )
            if (done !== undefined) this.options.swapped?.(process, table, key, value)
            return done
          }),
        watch: (table, events) => this.watch(member, table, events)
      },
      link: (events) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            member.link = events
            return {
              maxFrameBytes,
              isUp: () => this.reaches(member),
              send: (to: string, frame: Uint8Array) => this.send(member, to, frame),
              broadcast: (frame: Uint8Array) => {
                const names = new Set(Array.from(this.members.values(), ({ name }) => name))
                for (const to of names) if (to !== node) this.send(member, to, frame)
              }
            }
          }),
          () => Effect.sync(() => (member.link = undefined))
        )
    }
  }

  /** Frames from one node to another are lost until `mend`. */
  cut(from: string, to: string) {
    this.cuts.add(`${from} ${to}`)
  }

  mend(from: string, to: string) {
    this.cuts.delete(`${from} ${to}`)
  }

  /** A node is cut off from the engine, and so from all others. */
  disconnect(node: string) {
    const member = this.member(node)
    if (!member.isConnected) return
    member.isConnected = false
    if (this.isUp) this.wentDown(member)
  }

  connect(node: string) {
    const member = this.member(node)
    if (member.isConnected) return
    member.isConnected = true
    if (this.isUp) this.cameUp(member)
  }

  /** The engine stops: what is on its way is lost. */
  down() {
    if (!this.isUp) return
    this.isUp = false
    this.life += 1
    for (const member of this.members.values()) if (member.isConnected) this.wentDown(member)
  }

  /** The engine starts again; without its entries if it `forgets` them. */
  up(forgets = false) {
    if (this.isUp) return
    if (forgets) {
      this.tables.clear()
      for (const { views } of this.members.values()) for (const view of Object.values(views)) view.forget()
    }
    this.isUp = true
    for (const member of this.members.values()) if (member.isConnected) this.cameUp(member)
  }

  /**
   * The engine forgets the last changes of a table, all of which it had confirmed, and uses their revisions again: as a
   * cluster of NATS servers does whose new leader lacks them. No node is notified. Returns the number of forgotten
   * changes.
   */
  goBack(table: Table, count: number): number {
    const forgotten = this.tables.goBack(table, count)
    const revision = this.tables.revisionOf(table)
    for (const member of this.members.values())
      for (const watch of member.watches) {
        if (watch.table !== table || !watch.isAfter(revision)) continue
        const { isTold, noticedAfter } = this.options.forgotten?.(member.name) ?? { isTold: true, noticedAfter: 0 }
        if (!isTold) watch.untell(revision)
        if (watch.isAfter(revision)) watch.noticeLater(noticedAfter)
      }
    return forgotten
  }

  /** Nothing comes from a node and nothing reaches it until `resume`, as if its process were stopped. */
  pause(node: string) {
    this.member(node).paused ??= []
  }

  resume(node: string) {
    const member = this.member(node)
    const held = member.paused ?? []
    member.paused = undefined
    for (const run of held) run()
  }

  /** The process of a node is gone; a new one may have its name. */
  kill(node: string) {
    const member = this.members.get(node)
    if (member === undefined) return
    member.link = undefined
    member.watches.clear()
    member.paused = undefined
    this.members.delete(node)
  }

  /**
   * The watches of a table at a node are notified of nothing more until they start again: with the next connection, or
   * by `restart`.
   */
  stall(node: string, table: Table) {
    for (const watch of this.watchesOf(node, table)) watch.stall()
  }

  /** Starts the watches of a table at a node again. */
  restart(node: string, table: Table) {
    const member = this.member(node)
    for (const watch of this.watchesOf(node, table)) if (this.reaches(member)) watch.start()
  }

  private watchesOf(node: string, table: Table): ReadonlyArray<MemoryWatch> {
    return [...(this.members.get(node)?.watches ?? [])].filter((watch) => watch.table === table)
  }

  /** Whether a node can reach the engine, and its watches have reported everything; for tests. */
  hasTold(node: string): boolean {
    const member = this.members.get(node)
    if (member === undefined || !this.reaches(member) || member.paused !== undefined) return false
    return [...member.watches].every(({ isCurrent }) => isCurrent)
  }

  /** The entries of a table, for tests. */
  entries(table: Table): ReadonlyArray<Entry> {
    return this.tables.entries(table)
  }

  private member(process: string): Member {
    const known = this.members.get(process)
    if (known !== undefined) return known
    const member: Member = {
      name: process,
      link: undefined,
      isConnected: true,
      paused: undefined,
      watches: new Set<MemoryWatch>(),
      views: { names: this.view("names", () => member), nodes: this.view("nodes", () => member) }
    }
    this.members.set(process, member)
    return member
  }

  private view(table: Table, member: () => Member): MemoryView {
    return new MemoryView(this.tables, table, () => {
      for (const watch of member().watches) if (watch.table === table) watch.start()
    })
  }

  private reaches(member: Member) {
    return this.isUp && member.isConnected
  }

  /** Lets something happen to a node, now or once it is no longer paused. */
  private reach(member: Member, run: () => void) {
    if (member.paused === undefined) run()
    else member.paused.push(run)
  }

  private wentDown(member: Member) {
    for (const watch of member.watches) watch.drop()
  }

  private cameUp(member: Member) {
    for (const watch of member.watches) watch.start()
    this.options.after(0, () => this.reach(member, () => this.reaches(member) && member.link?.up()))
  }

  private send(from: Member, to: string, frame: Uint8Array) {
    if (from.paused !== undefined) return void from.paused.push(() => this.send(from, to, frame))
    if (!this.reaches(from) || from.link === undefined) return
    const receivers = [...this.members.values()].filter(
      ({ isConnected, link, name }) => name === to && link !== undefined && isConnected
    )
    for (const receiver of receivers) this.carry(from, receiver, frame)
  }

  private carry(from: Member, to: Member, frame: Uint8Array) {
    const { life } = this
    for (const delay of this.options.carry?.(from.name, to.name) ?? [0]) {
      const copy = Buffer.from(frame)
      this.options.after(delay, () => {
        if (life !== this.life || !this.reaches(to) || this.cuts.has(`${from.name} ${to.name}`)) return
        this.reach(to, () => {
          to.link?.frame(copy)
          copy.fill(0) // as an adapter may use the memory again
        })
      })
    }
  }

  private request<A>(member: Member, run: () => A): Effect.Effect<A, ClusterUnavailable> {
    return Effect.async<A, ClusterUnavailable>((resume) => {
      const { after, request, timeoutMillis = 400 } = this.options
      const answer = (effect: Effect.Effect<A, ClusterUnavailable>) => this.reach(member, () => resume(effect))
      const { answers, arrives } = request?.(member.name) ?? { arrives: 0, answers: 0 }
      const { life } = this
      const timeout = after(timeoutMillis, () => answer(noAnswer))
      const carryOut = () => {
        if (life !== this.life || !this.reaches(member)) return
        const result = this.carryOut(run)
        if (answers === undefined) return
        after(answers, () => {
          if (life !== this.life || !this.reaches(member)) return
          timeout()
          answer(result)
        })
      }
      const isSent = this.reaches(member)
      if (isSent && arrives !== undefined) after(arrives, carryOut)
      return Effect.sync(timeout)
    })
  }

  private carryOut<A>(run: () => A): Effect.Effect<A, ClusterUnavailable> {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (error instanceof OutOfDate) return outOfDate
      throw error
    }
  }

  private watch(member: Member, table: Table, events: TableEvents): Effect.Effect<void, never, Scope.Scope> {
    const { after, merges, watchDelay } = this.options
    const open = Effect.sync(() => {
      const watch: MemoryWatch = new MemoryWatch({
        table,
        events,
        tables: this.tables,
        view: member.views[table],
        after,
        watchDelay: () => watchDelay?.(member.name) ?? 0,
        merges: () => merges?.(member.name) === true,
        isConnected: () => this.reaches(member),
        notify: (run) => this.reach(member, () => member.watches.has(watch) && run())
      })
      member.watches.add(watch)
      if (this.reaches(member)) watch.start()
      return watch
    })
    return Effect.asVoid(Effect.acquireRelease(open, (watch) => Effect.sync(() => member.watches.delete(watch))))
  }

  private announce(table: Table, key: string, revision: number) {
    const entry = this.tables.get(table, key)
    for (const member of this.members.values())
      for (const watch of member.watches) if (watch.table === table) watch.announce(key, revision, entry)
  }
}

const noAnswer = Effect.fail(new ClusterUnavailable({ reason: "the engine has not answered in time" }))

const outOfDate = Effect.fail(new ClusterUnavailable({ reason: "the engine has forgotten what this node has written" }))

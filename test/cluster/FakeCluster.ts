import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ClusterUnavailable } from "../../src/ports/Cluster.js"
import * as Frame from "../../src/cluster/Frame.js"
import type { Ask } from "../../src/cluster/Leases.js"
import { Membership } from "../../src/cluster/Membership.js"
import { MemoryTables } from "../../src/cluster/MemoryTables.js"
import * as Term from "../../src/cluster/Term.js"

/** A request to the directory, which the test carries out and answers when it likes. */
export interface Request {
  /** Such as `get b`, or `swap b`. */
  readonly what: string
  /** Carries it out; its answer is not told yet. */
  readonly carryOut: () => void
  /** Tells the answer, or that there was none. */
  readonly answer: () => void
  readonly fail: (reason: ClusterUnavailable) => void
}

/** The nodes of a test, with one clock, a directory and heartbeats that the test carries. */
export class FakeCluster {
  now = 1_000
  wallAhead = 0
  readonly tables = new MemoryTables()

  node(name: string, termMillis = term.bury) {
    return new FakeNode(this, name, termMillis)
  }
}

const term = Term.of(12_000)

export class FakeNode {
  readonly told: Array<string> = []
  readonly requests: Array<Request> = []
  /** Whether the directory answers at once. */
  isPrompt = true
  isUp = true
  /** The last heartbeat. */
  beat: Uint8Array | undefined = undefined
  readonly membership: Membership
  private what = ""

  constructor(
    private readonly cluster: FakeCluster,
    readonly name: string,
    private readonly termMillis: number
  ) {
    const { tables } = cluster
    const ask: Ask = (effect, then) => this.request(effect, then)
    this.membership = new Membership(
      {
        self: name,
        term: Term.of(termMillis),
        directory: {
          get: (table, key) => {
            this.what = `get ${key}`
            return Effect.sync(() => tables.get(table, key))
          },
          swap: (table, key, revision, value) => {
            this.what = `swap ${key}`
            return Effect.sync(() => tables.swap(table, key, revision, value))
          },
          watch: () => Effect.void
        },
        ask,
        broadcast: (frame) => {
          this.beat = frame
        },
        isUp: () => this.isUp,
        now: () => cluster.now,
        wall: () => 1_000_000 + cluster.now + cluster.wallAhead,
        random: () => 0.5
      },
      {
        appeared: ({ name }) => void this.told.push(`appeared ${name}`),
        lost: ({ name }) => void this.told.push(`lost ${name}`),
        suspended: () => void this.told.push("suspended"),
        resumed: () => void this.told.push("resumed"),
        otherVersion: (name, version) => void this.told.push(`other version ${name} ${version}`),
        bearing: (run) => run(),
        reborn: () => void this.told.push("reborn"),
        replaced: () => void this.told.push("replaced")
      }
    )
  }

  private request<A>(
    effect: Effect.Effect<A, ClusterUnavailable>,
    then: (answer: Either.Either<A, ClusterUnavailable>) => void
  ) {
    let result: Either.Either<A, ClusterUnavailable> | undefined = undefined
    const request: Request = {
      what: this.what,
      carryOut: () => (result ??= Effect.runSync(Effect.either(effect))),
      answer: () => {
        request.carryOut()
        if (result !== undefined) then(result)
      },
      fail: (reason) => then(Either.left(reason))
    }
    if (this.isPrompt) request.answer()
    else this.requests.push(request)
  }

  /** The next request of this kind; all before it are never answered. */
  next(what: string): Request {
    const place = this.requests.findIndex((request) => request.what === what)
    const request = this.requests[place]
    if (request === undefined) throw new Error(`no ${what} among ${this.requests.map(({ what }) => what).join(", ")}`)
    this.requests.splice(0, place + 1)
    return request
  }

  /** Takes its lease. */
  join(incarnation: string) {
    const { now, tables } = this.cluster
    const revision = tables.swap(
      "nodes",
      this.name,
      tables.get("nodes", this.name)?.revision ?? 0,
      `alive ${incarnation} ${this.termMillis} 1`
    )
    this.membership.joined(incarnation, revision ?? 0, now)
    return this
  }

  /** Learns of the leases of others, as by the watch. */
  learn() {
    for (const entry of this.cluster.tables.entries("nodes")) this.membership.learnt(entry)
  }

  tick() {
    this.membership.tick()
  }

  /** Hears the last heartbeat of another node. */
  hear(other: FakeNode, frame = other.beat) {
    const header = frame === undefined ? undefined : Frame.read(frame)
    if (frame !== undefined && header !== undefined) this.membership.heard(header, frame)
  }

  get mayWrite(): boolean {
    return !this.membership.isSuspended
  }
}

/** Passes some beats, in which these hear each other; the others are silent. */
export const beats = (cluster: FakeCluster, count: number, nodes: ReadonlyArray<FakeNode>) => {
  for (let left = count; left > 0; left--) {
    cluster.now += term.beat
    for (const node of nodes) node.tick()
    for (const node of nodes) for (const other of nodes) if (node !== other) node.hear(other)
  }
}

export const incarnations = { a: "00000000000a0000", b: "00000000000b0000", c: "00000000000c0000" }

/** Two nodes that know and hear each other. */
export const pair = () => {
  const cluster = new FakeCluster()
  const a = cluster.node("a").join(incarnations.a)
  const b = cluster.node("b").join(incarnations.b)
  a.learn()
  b.learn()
  beats(cluster, 3, [a, b])
  return { cluster, a, b }
}

export const revisionOf = (cluster: FakeCluster, name: string) => cluster.tables.get("nodes", name)?.revision ?? 0

export const leaseOf = (cluster: FakeCluster, name: string) => cluster.tables.get("nodes", name)?.value

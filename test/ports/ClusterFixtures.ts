import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { ClusterService, ClusterUnavailable, Link, LinkEvents, TableEvents } from "../../src/ports/Cluster.js"

/** An engine, and what a test needs of it. */
export interface TestEngine {
  /** A node of the cluster, until the scope closes. */
  readonly join: (node: string) => Effect.Effect<ClusterService, ClusterUnavailable, Scope.Scope>
  /** The engine cannot be reached, and keeps its entries. */
  readonly down: Effect.Effect<void>
  readonly up: Effect.Effect<void>
}

export type OpenEngine = Effect.Effect<TestEngine, never, Scope.Scope>

/** What came over a link. */
export const recording = () => {
  const frames: Array<string> = []
  const events: Array<string> = []
  const handlers: LinkEvents = {
    frame: (frame) => void frames.push(Buffer.from(frame).toString("latin1")),
    up: () => void events.push("up")
  }
  return { frames, events, handlers }
}

/** What a watch reported, and what the table has by it. */
export const watching = () => {
  const log: Array<string> = []
  const entries = new Map<string, string>()
  const revisions: Array<number> = []
  const handlers: TableEvents = {
    restarted: (isEmptied) => {
      log.push(isEmptied ? "emptied" : "restarted")
      entries.clear()
    },
    put: ({ key, revision, value }) => {
      log.push(`${key}=${value}`)
      entries.set(key, value)
      revisions.push(revision)
    },
    removed: (key) => {
      log.push(`-${key}`)
      entries.delete(key)
    },
    current: () => void log.push("current")
  }
  return { log, entries, revisions, handlers }
}

/** A node's link, and what came over it. */
export const linked = (service: ClusterService) => {
  const seen = recording()
  return Effect.map(service.link(seen.handlers), (link): Linked => ({ link, ...seen }))
}

/** Asks again while the engine is on its way back. */
export const retrying = <A>(effect: Effect.Effect<A, ClusterUnavailable>) =>
  Effect.orDie(Effect.retry(effect, Schedule.intersect(Schedule.spaced("100 millis"), Schedule.recurs(100))))

/** Three nodes of one cluster. */
export const withNodesOf =
  (open: OpenEngine) =>
  <A, E>(
    body: (
      a: ClusterService,
      b: ClusterService,
      c: ClusterService,
      engine: TestEngine
    ) => Effect.Effect<A, E, Scope.Scope>
  ) =>
    Effect.gen(function* () {
      const engine = yield* open
      return yield* body(yield* engine.join("a"), yield* engine.join("b"), yield* engine.join("c"), engine)
    })

export interface Linked {
  readonly link: Link
  readonly frames: ReadonlyArray<string>
  readonly events: ReadonlyArray<string>
}

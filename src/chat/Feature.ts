import type * as Effect from "effect/Effect"
import type { Delivered } from "../protocol/Fate.js"
import type { Batch } from "./Batch.js"
import type { Command } from "./Commands.js"
import type { Resolver } from "./Directory.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/** What a broker does besides routing lines between its clients. */
export interface Feature {
  readonly commands?: ReadonlyArray<Command>
  /** What lines can be addressed to. Asked after the names of clients, in the order of the features. */
  readonly resolvers?: ReadonlyArray<Resolver>
  /** Runs as long as the broker: the writers of the feature's outboxes. */
  readonly run?: Effect.Effect<void>
}

/** The part of the broker that features see. */
export interface FeatureContext {
  /** A recipient of this name, in wire form. The feature provides its writer. */
  readonly outbox: (name: string) => Outbox<Peer>
  /** A writer reports that all lines of its batch have met this fate. */
  readonly settled: (outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) => void
  /** Runs a function in the broker's turn, which is the only place where peers and outboxes may be touched. */
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /** In the broker's turn: puts a line, with its LF, that nobody is notified of if it cannot be written. */
  readonly put: (peer: Peer, line: string) => void
  /** In the broker's turn: lines to this name go elsewhere from now on. */
  readonly changed: (name: string) => void
}

export type MakeFeature = (broker: FeatureContext) => Feature

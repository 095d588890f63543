import type * as Effect from "effect/Effect"
import type { Delivered } from "../protocol/Fate.js"
import type { Batch } from "./Batch.js"
import type { Command } from "./Commands.js"
import type { Resolver } from "./Directory.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/** An extension of the broker, which by itself only routes lines between its clients. */
export interface Feature {
  readonly commands?: ReadonlyArray<Command>
  /** Recipients other than clients. Tried after the names of clients, in the order of the features. */
  readonly resolvers?: ReadonlyArray<Resolver>
  /** Runs for the lifetime of the broker, such as the writers of the feature's outboxes. */
  readonly run?: Effect.Effect<void>
  /** In the broker's turn: this peer can be addressed from now on. */
  readonly joined?: (peer: Peer) => void
  /** In the broker's turn: this peer can no longer be addressed. */
  readonly left?: (peer: Peer) => void
}

/** The part of the broker that features see. */
export interface FeatureContext {
  /** Creates a recipient with this name, in wire form. The feature provides its writer. */
  readonly outbox: (name: string) => Outbox<Peer>
  /** Called by a writer: all lines of the batch have met this fate. */
  readonly settled: (outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) => void
  /** Runs a function in the broker's turn, the only place where peers and outboxes may be touched. */
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /** In the broker's turn: puts a line, with its LF. No sender is notified if it cannot be written. */
  readonly put: (peer: Peer, line: string) => void
  /** In the broker's turn: reports that the destination of this name has changed. */
  readonly changed: (name: string) => void
}

export type MakeFeature = (broker: FeatureContext) => Feature

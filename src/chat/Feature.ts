import type * as Effect from "effect/Effect"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { Delivered } from "../protocol/Fate.js"
import type { HelloWord } from "../protocol/HelloWord.js"
import type * as FatalReply from "../protocol/FatalReply.js"
import type * as OutcomeReply from "../protocol/OutcomeReply.js"
import type { Time } from "../ports/Time.js"
import type { Batch } from "./Batch.js"
import type { Command } from "./Commands.js"
import type { Account, Device } from "./Device.js"
import type { Resolver } from "./Directory.js"
import type { HandedOn, SettledEach } from "./LineOutcome.js"
import type { Live } from "./Live.js"
import type { Options } from "./Options.js"
import type { Outbox, WriterKind } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { SharedText } from "./SharedText.js"
import type { Source } from "./Source.js"

/** An extension of the broker, which by itself only routes lines between its clients. */
export interface Feature {
  readonly commands?: ReadonlyArray<Command>
  /** Words after `/hello` that only this feature knows. */
  readonly words?: ReadonlyArray<HelloWord>
  /** Recipients other than clients. Tried after the names of clients, in the order of the features. */
  readonly resolvers?: ReadonlyArray<Resolver>
  /** The recipient of this feature, present or not, whose name looks the same as this absent one; both in wire form. */
  readonly lookAlike?: (name: string) => string | undefined
  /** Why lines to this absent name return, if the name could only be that of a recipient of this feature. */
  readonly absence?: (name: string) => OutcomeReply.AbsentReason | undefined
  /** Runs for the lifetime of the broker, such as the writers of the feature's outboxes. */
  readonly run?: Effect.Effect<void>
  /** In the broker's turn: this peer can be addressed from now on. */
  readonly joined?: (peer: Peer) => void
  /** In the broker's turn: this peer can no longer be addressed. */
  readonly left?: (peer: Peer) => void
  /** In the broker's turn: the writer of this peer has ended, and everything that it wrote is settled. */
  readonly ended?: (peer: Peer) => void
  /**
   * In the broker's turn: the grace time is over. Lines that this feature has taken return now, unless they may have
   * been delivered.
   */
  readonly cutOff?: () => void
  /** Further parameters of this client's `* hello`, by name. */
  readonly facts?: (peer: Peer) => Readonly<Record<string, string>>
}

/** The part of the broker that features see. */
export interface FeatureContext {
  /**
   * Creates a recipient with this name, in wire form. The feature provides its writer, by default one like that of a
   * socket.
   *
   * @param part of the bounds of a client's outbox. Default: 1.
   */
  readonly outbox: (name: string, writer?: WriterKind, part?: number) => Outbox<Peer>
  /** Forgets a recipient that is empty and that no name leads to any more. */
  readonly discard: (outbox: Outbox<Peer>) => void
  /** Called by a writer: all lines of the batch have met this fate. */
  readonly settled: (outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) => void
  /** The same, in the broker's turn, where the lines of a batch have met different fates. */
  readonly settledEach: SettledEach
  /**
   * Called by a writer in the broker's turn: the fate of its batch in hand takes too long. Until it is decided, other
   * lines return with `jamReason`, including those queued after the batch.
   */
  readonly stuck: (outbox: Outbox<Peer>) => void
  /** For writers that hand lines on, in the broker's turn. */
  readonly handedOn: HandedOn["handedOn"]
  readonly cameBack: HandedOn["cameBack"]
  readonly recall: HandedOn["recall"]
  /** Runs a function in a later turn of the broker. May be called anywhere. */
  readonly soon: (run: () => void) => void
  /** Runs a function in the broker's turn, the only place where peers and outboxes may be touched. */
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /**
   * In the broker's turn: runs a function at its end, once, before anything is written to a socket. By then, writers
   * that go first (`WriterKind`) have got everything that was put for them.
   */
  readonly atEnd: (run: () => void) => void
  /** In the broker's turn: puts whole lines, by default one. No sender is notified if they cannot be written. */
  readonly put: (peer: Peer, text: string, lines?: number) => void
  /**
   * In the broker's turn: puts whole lines from a log, to which their delivery is reported. The peer's outbox must not
   * have ended.
   *
   * @param shared the same text, if other peers get it as well
   */
  readonly give: (peer: Peer, text: string, lines: number, source: Source, shared?: SharedText) => void
  /** In the broker's turn: reports that the destination of this name has changed. */
  readonly changed: (name: string) => void
  /** In the broker's turn: resolves all names by this resolver alone; undefined: as before. */
  readonly divert: (resolver: Resolver | undefined) => void
  /** In the broker's turn: the client of this name that lines can be addressed to. */
  readonly present: (name: string) => Peer | undefined
  /** In the broker's turn: lists a name that is present at another node, or removes it, and notifies clients. */
  readonly elsewhere: (name: string, isThere: boolean) => void
  /** In the broker's turn: breaks a connection. */
  readonly breakOff: (peer: Peer, reason: CloseReason) => void
  /** In the broker's turn: ends a connection with this last line, and returns the rest of its queue. */
  readonly expel: (peer: Peer, fatal: FatalReply.Fatal) => void
  /** In the broker's turn: makes a guest that is logged in a device of the account that has the guest's name. */
  readonly adopt: (peer: Peer, device: Device) => void
  /** In the broker's turn: all connections whose names are this one or look the same, leaving ones included. */
  readonly alike: (name: string) => ReadonlyArray<Peer>
  /** In the broker's turn: the present devices of an account. */
  readonly devicesOf: (account: Account) => ReadonlyArray<Peer>
  /** In the broker's turn: the present devices of all accounts. */
  readonly devices: () => ReadonlyArray<Device>
  /** The server's clocks. */
  readonly time: Time
  /** The server's limits. */
  readonly options: Live<Options>
}

export type MakeFeature = (broker: FeatureContext) => Feature

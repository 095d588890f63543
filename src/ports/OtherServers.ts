import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AccountId } from "./StoreAccounts.js"

/** Another server of the same chat, which uses the same store. */
export interface OtherServer {
  /** Of this process: after a restart, it is another one. */
  readonly id: string
  /** The name of its node. */
  readonly name: string
}

/** What can be sent: JSON. */
export type ServerMessage =
  string | number | boolean | null | ReadonlyArray<ServerMessage> | { readonly [key: string]: ServerMessage }

/** What one part of the server learns about the others: in order, and in the broker's turn. */
export interface OtherServersEvents {
  /** This server can be written to from now on. Each part sends it what it has to know. */
  readonly appeared?: (server: OtherServer) => void
  /** A message of this part of another server: each exactly once, in the order in which they were sent. */
  readonly received?: (server: OtherServer, message: ServerMessage) => void
  /**
   * This server is no longer one of the others, and has been silent before. What was sent to it may have arrived. After
   * a cut it may appear again, with the same id.
   */
  readonly lost?: (server: OtherServer) => void
  /** What was sent to this server need not wait any more (`OtherServersPart.mustWait`). */
  readonly hasRoom?: (server: OtherServer) => void
}

/**
 * The other servers that use the same store, as far as accounts, conversations and rooms have to know of them. Every
 * member but the effects is for the broker's turn.
 */
export interface OtherServersService {
  /** The id of this server. */
  readonly self: string
  /** Those that can be written to. */
  readonly all: ReadonlyArray<OtherServer>
  /**
   * Registers a part of the server, by a short name that is the same on all of them. For parts that are being made,
   * before the first event.
   */
  readonly part: (name: string, events: OtherServersEvents) => OtherServersPart
  /**
   * Registers what must be done before this server writes messages and takes lines: after it has joined the others, and
   * each time after they took it for lost. Until then, it looks suspended to its clients. An effect that cannot succeed
   * now tries again by itself. Not after a suspension in which nobody took this server for lost: it goes on where it
   * stood.
   */
  readonly beforeResuming: (settle: Effect.Effect<void>) => void
  /**
   * Runs what is decided by which other servers there are: one that appears meanwhile, after the others took it for
   * lost, does not resume before this has ended.
   */
  readonly during: <A, E, R>(run: (all: ReadonlyArray<OtherServer>) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** One part of this server, as it writes to the same part of the others. */
export interface OtherServersPart {
  /**
   * Sends a message at the end of the turn: to one server, by default to all that are known now. Messages wait in
   * memory while a server takes none, so their number must not grow with time.
   *
   * @param key what the message is about: it takes the place of one about the same that has not been sent yet, and goes
   *   after all others; by default nothing, and it takes nobody's place
   */
  readonly send: (message: ServerMessage, to?: OtherServer, key?: string) => void
  /**
   * Whether messages to this server wait in memory until it takes more: what can be combined should wait as
   * well.
   */
  readonly mustWait: (server: OtherServer) => boolean
}

/**
 * The port to the other servers that use the same store. `ServersOfStore` reaches them through the cluster; a server
 * that is alone has `none`.
 */
export class OtherServers extends Context.Tag("a-chat/OtherServers")<OtherServers, OtherServersService>() {}

/** The servers next to one that is alone. */
export const alone: OtherServersService = {
  self: "",
  all: [],
  part: () => ({ send: () => {}, mustWait: () => false }),
  beforeResuming: () => {},
  during: (run) => Effect.suspend(() => run([]))
}

/** `alone`, as a layer. */
export const none: Layer.Layer<OtherServers> = Layer.succeed(OtherServers, alone)

/** A device of an account, as the store identifies it. */
export interface DeviceId {
  readonly account: AccountId
  readonly device: string
}

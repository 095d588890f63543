import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AccountId } from "./StoreAccounts.js"

/** Another server of the same chat, which uses the same store. */
export interface OtherServer {
  /** Identifies the process: a restarted server has another id. */
  readonly id: string
  /** The name of its node. */
  readonly name: string
}

/** A message that can be sent: JSON. */
export type ServerMessage =
  string | number | boolean | null | ReadonlyArray<ServerMessage> | { readonly [key: string]: ServerMessage }

/** Events about the other servers for one part of this server, in order and in the broker's turn. */
export interface OtherServersEvents {
  /** The server accepts messages from now on. Each part sends it the state that it needs. */
  readonly appeared?: (server: OtherServer) => void
  /** A message from the same part of another server. Each arrives exactly once and in the order of sending. */
  readonly received?: (server: OtherServer, message: ServerMessage) => void
  /**
   * The server, silent for some time, is no longer one of the others. Messages to it may have arrived. If it was only
   * cut off, it may appear again with the same id.
   */
  readonly lost?: (server: OtherServer) => void
  /** Messages to the server need no longer wait (`OtherServersPart.mustWait`). */
  readonly hasRoom?: (server: OtherServer) => void
}

/**
 * The other servers that use the same store, as accounts, conversations and rooms need to know them. All members except
 * the effects must be called in the broker's turn.
 */
export interface OtherServersService {
  /** The id of this server. */
  readonly self: string
  /** The servers that accept messages. */
  readonly all: ReadonlyArray<OtherServer>
  /**
   * Registers a part of this server under a short name that is the same on all servers. Called when the part is
   * created, before the first event.
   */
  readonly part: (name: string, events: OtherServersEvents) => OtherServersPart
  /**
   * Registers an effect that must succeed before this server writes messages and takes lines, after it has joined the
   * others and each time after they presumed it lost. Until then, the server appears suspended to its clients. The
   * effect must retry by itself. It does not run after a suspension in which no server presumed this one lost.
   */
  readonly beforeResuming: (settle: Effect.Effect<void>) => void
  /**
   * Runs an effect that depends on the set of other servers. A server that was presumed lost and appears in the
   * meantime does not resume before the effect has ended.
   */
  readonly during: <A, E, R>(run: (all: ReadonlyArray<OtherServer>) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** One part of this server, which writes to the same part of the others. */
export interface OtherServersPart {
  /**
   * Sends a message at the end of the turn, to one server or by default to all that are known now. Messages wait in
   * memory while a server accepts none, so their number must not grow with time.
   *
   * @param key the subject of the message. An unsent message with the same key is dropped, and this one goes last. By
   * default, no message is dropped
   */
  readonly send: (message: ServerMessage, to?: OtherServer, key?: string) => void
  /** Whether messages to this server wait in memory. Callers should then hold back whatever they can combine. */
  readonly mustWait: (server: OtherServer) => boolean
}

/**
 * The port to the other servers that use the same store. `ServersOfStore` reaches them through the cluster. A server
 * that has its store to itself uses `none`.
 */
export class OtherServers extends Context.Tag("a-chat/OtherServers")<OtherServers, OtherServersService>() {}

/** The service for a server that has its store to itself: there are no others. */
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

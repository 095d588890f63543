import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Subscribable from "effect/Subscribable"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Time from "../ports/Time.js"
import { TransportError, type Socket } from "../ports/Transport.js"
import * as AcknowledgedFeed from "./AcknowledgedFeed.js"
import type { FeedSource } from "./AcknowledgedFeed.js"
import { Absentees } from "./Absentees.js"
import * as Client from "./Client.js"
import type * as ClientConnection from "./ClientConnection.js"
import * as ConversationHandle from "./ConversationHandle.js"
import * as Encode from "./Encode.js"
import * as Labels from "./Labels.js"
import { LastSeen } from "./LastSeen.js"
import * as LastingDelivery from "./LastingDelivery.js"
import type * as Login from "./Login.js"
import * as Reconnect from "./Reconnect.js"
import { FollowedRooms } from "./RoomFeed.js"
import * as Servers from "./Servers.js"
import * as WatchedConnection from "./WatchedConnection.js"

export interface ReconnectingClientOptions<R> extends Login.ClientOptions<TransportError, R> {
  /**
   * Connections to the other servers of the same chat; none by default. The client tries `socket` and then these in
   * order. After a loss, it tries all others in a random order before it returns to the server that it lost.
   */
  readonly others?: ReadonlyArray<Effect.Effect<Socket, TransportError, R>> | undefined
  /**
   * The delays between attempts to connect. By default 1 s, doubled each time up to 30 s, each shortened at random by
   * up to a half, and from the shortest again after a connection that lasted 10 s. `retry=` in a refusal makes a delay
   * longer, and `return=` in `* closing` replaces it, but only once until a connection has lasted 10 s. The client ends
   * when the schedule does. With `others`, the client first tries each of these, after up to half a second.
   */
  readonly backoff?: Schedule.Schedule<unknown> | undefined
  /** How long one attempt to connect and log in may take; 10 s by default. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /**
   * The interval at which the client checks with `/ping` that the server is alive, and the deadline for the reply; 30 s
   * by default, `Infinity` for never. After a pulled cable, TCP keeps a connection open for many minutes.
   */
  readonly heartbeat?: Duration.DurationInput | undefined
  /**
   * How long after a reconnection a message waits for a recipient that was present before but is not back yet; 15 s by
   * default. Those are the recipients that got a message from this client, or that it has seen join.
   */
  readonly returnTime?: Duration.DurationInput | undefined
  /** How long a message waits for any other recipient that is absent; 0 by default, so that it is returned at once. */
  readonly waitFor?: Duration.DurationInput | undefined
}

/** Whether a client is connected. */
export type ConnectionState =
  | { readonly _tag: "Connecting" }
  | {
      readonly _tag: "Connected"
      /** The server's address, for people and logs. */
      readonly remote: string
    }
  | {
      readonly _tag: "Waiting"
      readonly cause: TransportError | Login.LoginRefused
      /** The time from now to the next attempt. */
      readonly delay: Duration.Duration
    }
  | {
      /** The client will not connect again. */
      readonly _tag: "Ended"
      /** Undefined if the program has ended the client. */
      readonly cause: TransportError | Login.LoginRefused | undefined
    }

/**
 * A client that connects again whenever it loses its connection. It can stand in for a `ClientHandle`; the differences:
 *
 * - `lines` and `received` go on over all connections. They end after `end`, and fail when the server refuses the login
 * for good, or has logged the client out. Run one of them, if only with `Stream.runDrain`. A repeated kept message is
 * dropped if the program has processed it (`seen`), so that it is processed once. Lines that are no
 *   longer kept are reported as `gap` (`Received.gapIn`).
 * - `send` and `sendLine` wait for a connection. What is sent shortly before it breaks can be lost without a word.
 * - `deliver` loses nothing without a word. It waits for a connection, and sends again what is known not to have been
 *   accepted: a line refused as `slow-down` or `closing`, or without an outcome after the server's `* bye`. What may
 *   have arrived is sent again only to accounts, by a client of an account, with the label that it had: it is stored
 *   once, and its outcome has `again` (protocol, section 10). To others it is not sent again, but reported as
 *   `Unknown`. It waits for absent recipients (`returnTime`, `waitFor`). It fails only if the message never got an
 *   outcome, when the client has ended. A message that is sent again may arrive after one that was sent meanwhile; to
 *   keep an order, wait for the outcome of one before the next.
 * - A guest is in the rooms again that it joined with `room(…).join`. What was written there meanwhile comes first,
 *   as long as it is kept; what is not is reported as `gap`. A device of an account stays a member, and the server
 *   continues with the first line that the program has not processed.
 * - What is asked about rooms, past lines and devices waits for a connection, and is asked again on the next one if it
 *   breaks before the reply.
 * - `hello` is that of the current connection, and `remote` the address of the latest.
 * - `end` also ends a client that is waiting to connect, and `closed` waits for the end of the client.
 */
export interface ReconnectingClientHandle extends Client.ClientHandle {
  /** The state, and a stream of it from now on. */
  readonly state: Subscribable.Subscribable<ConnectionState>
}

/** The reconnecting client of a program that has only one. */
export class ReconnectingClient extends Context.Tag("a-chat/ReconnectingClient")<
  ReconnectingClient,
  ReconnectingClientHandle
>() {}

/** `connect` as a layer, for the lifetime of the layer; also for programs that need any `Client.Client`. */
export const layer = <R>(
  options: ReconnectingClientOptions<R>
): Layer.Layer<
  Client.Client | ReconnectingClient,
  TransportError | Encode.Unsendable | Login.LoginRefused,
  Exclude<R, Scope.Scope>
> =>
  Layer.scopedContext(
    Effect.map(connect(options), (client) =>
      Context.make(Client.Client, client).pipe(Context.add(ReconnectingClient, client))
    )
  )

/** The most connections whose lines the program has not begun to take; older ones are dropped. */
const maxUntaken = 16

type Failure = TransportError | Login.LoginRefused

const ended = new TransportError({ during: "Write", reason: "the client has ended" })

/**
 * Connects, logs in, and stays connected until the scope closes. Fails if the first attempt does: the login may be
 * wrong, or the address. To wait for a server that is not there yet, retry this effect.
 */
export const connect = <R>(
  options: ReconnectingClientOptions<R>
): Effect.Effect<
  ReconnectingClientHandle,
  TransportError | Encode.Unsendable | Login.LoginRefused,
  Exclude<R, Scope.Scope> | Scope.Scope
> =>
  Effect.gen(function* () {
    yield* Encode.login(options.login) // fails before the first attempt
    const isOfAccount = options.secret !== undefined || (options.hasAccount ?? options.login.includes("/"))
    const labels = options.labels ?? (isOfAccount ? Labels.unique() : undefined)
    const seen = options.seen ?? (isOfAccount ? new LastSeen() : undefined)
    const attemptTimeout = Duration.decode(options.attemptTimeout ?? "10 seconds")
    const state = yield* SubscriptionRef.make<ConnectionState>({ _tag: "Connecting" })
    const unread = yield* Mailbox.make<ClientConnection.LabellingHandle, TransportError>({
      capacity: maxUntaken,
      strategy: "sliding"
    })
    const hasUnread = Effect.unsafeMakeLatch(false)
    const first = yield* Deferred.make<void, Failure>()
    const closed = yield* Deferred.make<void>()
    const left = yield* Deferred.make<void>()
    /** Open while the server takes lines, and after the end. */
    const ready = yield* Effect.makeLatch()
    const absentees = new Absentees({
      returnMillis: Duration.toMillis(options.returnTime ?? "15 seconds"),
      waitMillis: Duration.toMillis(options.waitFor ?? 0)
    })
    const rooms = new FollowedRooms()
    let latest: WatchedConnection.WatchedConnection | undefined = undefined
    let isConnected = false
    let isLeaving = false
    let end: { readonly cause: Failure | undefined } | undefined = undefined

    const connected: Effect.Effect<WatchedConnection.WatchedConnection, Failure> = Effect.zipRight(
      ready.await,
      Effect.suspend(() => {
        if (end !== undefined || isLeaving) return Effect.fail(end?.cause ?? ended)
        return latest === undefined ? connected : Effect.succeed(latest)
      })
    )

    const servers = Servers.make([options.socket, ...(options.others ?? [])])
    const open = WatchedConnection.open({
      // From the login on: otherwise messages that arrive before the program reads would be lost if it were killed.
      login: {
        ...options,
        socket: servers.socket,
        labels,
        seen,
        once: options.once ?? isOfAccount,
        ack: options.ack ?? (isOfAccount || undefined)
      },
      absentees,
      rooms,
      notices: { areWanted: false },
      heartbeat: Duration.decode(options.heartbeat ?? "30 seconds"),
      // A message may get its refusal after the next connection is up.
      onClosing: () => {
        if (latest?.isClosing() === true) ready.unsafeClose()
      }
    }).pipe(
      Effect.timeoutFail({
        duration: attemptTimeout,
        onTimeout: () =>
          new TransportError({
            during: "Connect",
            reason: `the server did not accept the login within ${Duration.format(attemptTimeout)}`
          })
      })
    )

    const session = (up: Effect.Effect<void>, closing: (returnMillis: number | undefined) => void) =>
      Effect.gen(function* () {
        yield* SubscriptionRef.set(state, { _tag: "Connecting" })
        const connection = yield* open
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            isConnected = false
            closing(connection.returnMillis())
            ready.unsafeClose()
          })
        )
        if (latest !== undefined) absentees.reconnected(yield* Time.now)
        latest = connection
        isConnected = true
        yield* unread.offer(connection.handle)
        hasUnread.unsafeOpen()
        yield* SubscriptionRef.set(state, { _tag: "Connected", remote: connection.handle.remote })
        yield* up
        if (!connection.isClosing()) ready.unsafeOpen()
        yield* Deferred.succeed(first, undefined)
        if (isLeaving) yield* connection.handle.end
        yield* Effect.catchAll(connection.lost, (error) => (isLeaving ? Effect.void : Effect.fail(error)))
      })

    const finish = (cause: Failure | undefined) =>
      Effect.gen(function* () {
        end = { cause }
        ready.unsafeOpen()
        yield* cause === undefined ? unread.end : unread.fail(asTransportError(cause))
        hasUnread.unsafeOpen()
        yield* SubscriptionRef.set(state, { _tag: "Ended", cause })
        yield* Deferred.fail(first, cause ?? ended)
        yield* Deferred.succeed(closed, undefined)
      })

    yield* Reconnect.keep({
      session,
      reconnect: true,
      backoff: options.backoff,
      elsewhere: servers,
      report: (event) =>
        event._tag === "Back"
          ? Effect.void
          : SubscriptionRef.set(state, { _tag: "Waiting", cause: event.cause, delay: event.delay })
    }).pipe(
      Effect.raceFirst(Deferred.await(left)),
      // reconnecting is on; the login was checked
      Effect.catchTags({ ConnectionGone: Effect.die, Unsendable: Effect.die }),
      Effect.tapErrorCause((cause) => (Cause.isDie(cause) ? Deferred.failCause(first, cause) : Effect.void)),
      Effect.onExit((exit) => finish(Exit.isFailure(exit) ? failureOf(exit.cause) : undefined)),
      Effect.ignore, // `finish` has passed it on
      Effect.forkScoped
    )
    yield* Deferred.await(first)

    /** Runs a stream of each connection, one after the other. */
    const all = <A>(of: (handle: Client.ClientHandle) => Stream.Stream<A, TransportError>) =>
      Stream.flatMap(Mailbox.toStream(unread), (handle) => Stream.catchAll(of(handle), () => Stream.empty))

    /** The source of the next unread connection; undefined if there is none yet. */
    const nextSource = (): FeedSource | Exit.Exit<void, TransportError> | undefined => {
      if (Option.contains(unread.unsafeSize(), 0)) {
        hasUnread.unsafeClose()
        return undefined
      }
      const taken = Effect.runSyncExit(unread.take) // there is one, or the end
      if (Exit.isSuccess(taken)) return taken.value.source
      const error = Option.getOrUndefined(Cause.failureOption(taken.cause))
      return error === undefined || error._tag === "NoSuchElementException" ? Exit.void : Exit.fail(error)
    }

    /** The connection being read, then the next one. */
    const source = (): FeedSource => {
      let current: FeedSource | undefined = undefined
      return {
        poll: () => {
          for (;;) {
            const reading: ReturnType<typeof nextSource> = current ?? nextSource()
            if (reading === undefined || Exit.isExit(reading)) return reading
            current = reading
            const polled = reading.poll()
            if (polled === undefined || !Exit.isExit(polled)) return polled
            current = undefined
          }
        },
        wait: Effect.suspend(() => current?.wait ?? hasUnread.await),
        keepAlive: () => current?.keepAlive()
      }
    }

    const sending = <E>(send: (handle: Client.ClientHandle) => Effect.Effect<void, E>) =>
      connected.pipe(
        Effect.mapError(asTransportError),
        Effect.tap(LastingDelivery.awaitTurn),
        Effect.flatMap(({ handle }) => send(handle))
      )

    /** Commands may be repeated on the next connection: all of them are idempotent. */
    const asking: ConversationHandle.Asking = (request) =>
      Effect.flatMap(connected, (connection) =>
        Effect.zipRight(LastingDelivery.awaitTurn(connection), connection.handle.asking(request)).pipe(
          Effect.catchAll((error) =>
            error instanceof TransportError
              ? connection.handle.closed.pipe(Effect.zipRight(Effect.yieldNow()), Effect.zipRight(asking(request)))
              : Effect.fail(error)
          )
        )
      )

    const send: Client.ClientHandle["send"] = (recipients, text) =>
      Effect.zipRight(
        Encode.message(recipients, text),
        sending(({ send }) => send(recipients, text))
      )
    const deliver: Client.ClientHandle["deliver"] = (recipients, text) =>
      LastingDelivery.deliver({ connected, absentees, labels }, recipients, text)
    return {
      ...ConversationHandle.make({
        asking,
        send,
        deliver,
        needsNumbers: () => latest?.isGuest === true,
        joined: ({ last, room }) => {
          if (latest?.isGuest === true) rooms.joined(room, last)
        },
        left: (room) => rooms.unfollow(room)
      }),
      get remote() {
        return latest?.handle.remote ?? ""
      },
      state,
      lines: all(({ lines }) => lines),
      received: all(({ received }) => received),
      feed: AcknowledgedFeed.make(source()),
      send,
      sendLine: (line) =>
        Effect.zipRight(
          Encode.text(line),
          sending(({ sendLine }) => sendLine(line))
        ),
      deliver,
      hello: Effect.flatMap(connected, ({ handle }) => handle.hello),
      end: Effect.suspend(() => {
        if (isLeaving) return Effect.void
        isLeaving = true
        return isConnected && latest !== undefined ? latest.handle.end : Deferred.succeed(left, undefined)
      }),
      closed: Deferred.await(closed)
    }
  })

/** Why a client cannot continue. Undefined if the program has interrupted it. */
const failureOf = (cause: Cause.Cause<Failure>): Failure | undefined =>
  Option.getOrUndefined(Cause.failureOption(cause)) ??
  Option.getOrUndefined(
    Option.map(
      Cause.dieOption(cause),
      (defect) => new TransportError({ during: "Connect", reason: "a defect in the client", cause: defect })
    )
  )

const asTransportError = (cause: Failure): TransportError =>
  cause._tag === "TransportError" ? cause : new TransportError({ during: "Connect", reason: cause.message, cause })

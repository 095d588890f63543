import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Time from "../ports/Time.js"
import { TransportError, type Socket } from "../ports/Transport.js"
import * as Wire from "../protocol/Wire.js"
import type { Absentees } from "./Absentees.js"
import type { FeedSource, GivenLine } from "./AcknowledgedFeed.js"
import * as ClientConnection from "./ClientConnection.js"
import type * as Encode from "./Encode.js"
import type { DeliveryConnection } from "./LastingDelivery.js"
import * as Heartbeat from "./Heartbeat.js"
import * as KeptRecipients from "./KeptRecipients.js"
import * as LineConnection from "./LineConnection.js"
import * as Login from "./Login.js"
import { Pace } from "./Pace.js"
import * as Received from "./Received.js"
import { RoomFeed, type FollowedRooms } from "./RoomFeed.js"
import * as RoomReports from "./RoomReports.js"

const heartbeatLabel = "achat-alive"

/** A connection of a reconnecting client. It remembers what the server said about its end. */
export interface WatchedConnection extends DeliveryConnection {
  /** Whether the client is a guest rather than a device of an account. */
  readonly isGuest: boolean
  /** Whether the server takes no more lines. */
  readonly isClosing: () => boolean
  /** The delay that the server has requested before the next connection, in milliseconds. */
  readonly returnMillis: () => number | undefined
  /** Waits until the connection has ended, or the server has been silent for too long. Fails with the reason. */
  readonly lost: Effect.Effect<never, TransportError | Login.LoginRefused>
}

export interface WatchedConnectionOptions<R> {
  readonly login: Login.ClientOptions<TransportError, R>
  readonly absentees: Absentees
  /** The rooms that the client joins again as a guest. */
  readonly rooms: FollowedRooms
  /** Whether the program wants notices. */
  readonly notices: { areWanted: boolean }
  /** The interval between checks that the server is alive, and its deadline to reply. */
  readonly heartbeat: Duration.Duration
  /** Called when the server takes no more lines. */
  readonly onClosing: () => void
}

const silent = new TransportError({ during: "Read", reason: Heartbeat.silence })

/** Connects to any a-chat server, logs in, and waits for its `hello` or the proof that it has none. */
export const open = <R>({
  absentees,
  heartbeat,
  login,
  notices,
  onClosing,
  rooms
}: WatchedConnectionOptions<R>): Effect.Effect<
  WatchedConnection,
  TransportError | Encode.Unsendable | Login.LoginRefused,
  R | Scope.Scope
> =>
  Effect.gen(function* () {
    let raw: Socket | undefined = undefined
    const socket = Effect.tap(login.socket, (made) => Effect.sync(() => (raw = made)))
    const seq = rooms.names.length > 0 ? true : login.seq
    const started = yield* Login.start({ ...login, socket, seq })
    const { connection } = started
    let returnMillis: number | undefined = undefined
    let refused: Login.LoginRefused | undefined = undefined
    let isClosing = false
    let hasSaidBye = false

    const closing = () => {
      isClosing = true
      onClosing()
    }

    /**
     * Sees the server's lines in order with the outcomes, however late the program takes them. Withholds all replies to
     * heartbeats, even late ones.
     */
    const see = (line: string): "part" | undefined => {
      if (line.startsWith("from ")) return undefined
      const received = Received.parse(line)
      if ("label" in received && received.label === heartbeatLabel) return "part"
      if (received._tag === "Refused" && received.fatal) {
        const { code, retryMillis, text } = received
        refused = Login.logoutIn(received) ?? new Login.LoginRefused({ code, retryMillis, text })
      }
      if (received._tag !== "Notice") return undefined
      const [name = ""] = received.words
      if (RoomReports.roomNoticeIn(received) !== undefined) return undefined
      if (received.code === "joined") absentees.isHere(name)
      else if (received.code === "left") absentees.hasLeft(name)
      else if (received.code === "bye") hasSaidBye = true
      else if (received.code === "closing") {
        returnMillis = Received.returnMillis(received)
        closing()
      }
      return undefined
    }
    // This fiber ends with the connection.
    yield* Effect.forkScoped(Effect.ignore(connection.ask<never, never>("", see)))
    const hello = yield* Login.greet(started)
    const pace = new Pace(Option.match(hello, { onNone: () => [], onSome: ({ rates }) => rates }), yield* Time.now)

    const watch = Effect.gen(function* () {
      const turn = Effect.flatMap(Time.now, (now) => Effect.sleep(pace.reserve(now)))
      const ping = connection.send(`@${heartbeatLabel} /ping\n`)
      yield* Heartbeat.awaitSilence({ connection, interval: heartbeat, turn, ping })
      raw?.destroy() // nothing that is sent would reach the server
      return yield* silent
    })

    const ended = Effect.flatMap(connection.closed, () =>
      Effect.fail(refused ?? connection.failure() ?? LineConnection.closed)
    )
    const isOnce = Option.exists(hello, ({ device, words }) => device !== undefined && words.includes("once"))
    const isGuest = !Option.exists(hello, ({ device }) => device !== undefined)
    const handle = ClientConnection.greeted(started, hello, notices)
    return {
      handle: Option.isSome(hello) && isGuest ? following(handle, connection, hello.value, rooms) : handle,
      isGuest,
      isOnce,
      kept: (names) => (isOnce ? KeptRecipients.ask(connection, names) : Effect.succeed(new Set())),
      pace,
      turn: yield* Effect.makeSemaphore(1),
      hasSaidBye: () => hasSaidBye,
      isClosing: () => isClosing,
      closing,
      returnMillis: () => returnMillis,
      lost: Option.isSome(hello) ? Effect.raceFirst(ended, watch) : ended
    }
  })

const given = (line: string, processed: () => void): GivenLine => ({ line, received: Received.parse(line), processed })

/** A guest's connection on which it is in its rooms again, and gets what it has missed there. */
const following = (
  handle: ClientConnection.LabellingHandle,
  connection: LineConnection.LineConnection,
  { log, name }: Login.Hello,
  rooms: FollowedRooms
): ClientConnection.LabellingHandle => {
  rooms.useLog(log)
  const feed = new RoomFeed<GivenLine>({
    rooms,
    name,
    isOfAccount: false,
    post: (line) => connection.post(`${Wire.encode(line)}\n`),
    item: (line) => given(line, () => {}),
    drop: ({ processed }) => processed()
  })
  feed.start()
  const lines = Stream.mapConcat(handle.lines, (line) =>
    feed
      .take(
        line,
        given(line, () => {})
      )
      .map((item) => item.line)
  )
  const source: FeedSource = {
    ...handle.source,
    poll: () => {
      const polled = handle.source.poll()
      if (polled === undefined || Exit.isExit(polled)) return polled
      return polled.flatMap((item) => feed.take(item.line, item))
    }
  }
  return { ...handle, lines, received: Stream.map(lines, (line) => Received.parse(line)), source }
}

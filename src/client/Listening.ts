import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Socket, TransportError } from "../ports/Transport.js"
import { Framing, type Piece } from "../protocol/Framing.js"
import * as Wire from "../protocol/Wire.js"
import { Acknowledgement, turnsOn } from "./Acknowledgement.js"
import * as Encode from "./Encode.js"
import * as Escape from "./Escape.js"
import * as LineConnection from "./LineConnection.js"
import * as KeptText from "./KeptText.js"
import { LastSeen, type SeenRecord } from "./LastSeen.js"
import { MessageFilter, toJson, withoutNumbers, type LineFilter, type MessageFilterOptions } from "./ListenFormat.js"
import * as Login from "./Login.js"
import { flushed, flushedWithin, OutputError, readerGone, type Output } from "./Output.js"
import * as Received from "./Received.js"
import * as Reconnect from "./Reconnect.js"
import { RequestRefused } from "./Request.js"
import { FollowedRooms, type RoomStart } from "./RoomFeed.js"
import { RoomFilter } from "./RoomFilter.js"
import * as RoomReports from "./RoomReports.js"
import type { Elsewhere } from "./Servers.js"

export interface ListeningOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  readonly login: string
  /** As in the options of a client: the secret of the login's account, and whether others may read it. */
  readonly secret?: Effect.Effect<string> | undefined
  readonly insecure?: boolean | undefined
  readonly hasAccount?: boolean | undefined
  /** For an account: the messages printed in earlier runs, which are not printed again. */
  readonly record?: SeenRecord | undefined
  /** Called when messages were removed from the log before they could be printed. */
  readonly onGap?: (() => void) | undefined
  /** Senders whose messages to print; all of them if empty. */
  readonly from: ReadonlyArray<string>
  /** Number of messages after which to end; no end if undefined. */
  readonly count: number | undefined
  /** The rooms to be in; only their messages are printed. By default all messages are. */
  readonly rooms?: ListenedRooms | undefined
  readonly json: boolean
  readonly reconnect: boolean
  /** The other servers of the same chat; none by default. */
  readonly elsewhere?: Elsewhere | undefined
  readonly output: Output
  readonly report: (event: Reconnect.ReconnectEvent) => Effect.Effect<void>
  /** Takes a warning for the user: a line was too long, or a refusal did not end the connection. */
  readonly warn: (line: string) => void
}

export interface ListenedRooms {
  readonly names: ReadonlyArray<string>
  /** Where to begin; by default with new messages, or those that wait for the device of an account. */
  readonly start: RoomStart | undefined
  /** Whether to end once all kept messages have been printed. */
  readonly isPastOnly: boolean
}

/** How long closing the connection waits for the server to end its half, after which the name is free again. */
const linger = Duration.seconds(2)

/** How long leaving waits for the output to take what was printed, so that it is acknowledged. */
const outputMillis = 1000

/** A login that is not refused within this time counts as accepted: an original server does not reply to `/hello`. */
const patience = Duration.seconds(2)

/**
 * Prints incoming messages until `count` is reached or the reader of the output has gone. Reads from the server no
 * faster than the output is read, in constant memory. Acknowledges a message once the output has taken it.
 */
export const run = (
  options: ListeningOptions
): Effect.Effect<void, ListeningError | Encode.Unsendable | Reconnect.ConnectionGone | OutputError> =>
  Effect.gen(function* () {
    const login = yield* Encode.login(options.login)
    // `seen` records messages written to the output, so that this run does not repeat them; `record` those that the
    // output has taken, which the next run need not print.
    const seen = options.record === undefined ? undefined : new LastSeen(options.record.seen.saved)
    const filter = filterOf({ ...options, seen, withGaps: options.json }, options.rooms)
    const session = (up: Effect.Effect<void>, closing: (returnMillis: number | undefined) => void) =>
      converse(login, filter, { ...options, closing, useLog: (log) => seen?.useLog(log) }, up)
    yield* Effect.raceFirst(readerGone(options.output), Reconnect.keep({ ...options, session }))
    yield* flushed(options.output)
    const { errored } = options.output
    if (errored !== null && errorCode(errored) !== "EPIPE") return yield* new OutputError({ cause: errored })
  })

const filterOf = (options: MessageFilterOptions, rooms: ListenedRooms | undefined): MessageFilter | RoomFilter => {
  if (rooms === undefined) return new MessageFilter(options)
  const followed = new FollowedRooms()
  for (const name of rooms.names) followed.follow(name, rooms.start)
  return new RoomFilter({ ...options, rooms: followed, isPastOnly: rooms.isPastOnly })
}

const errorCode = (error: NodeJS.ErrnoException) => error.code

/** One connection, until `count` is reached; fails if the connection ends before that. */
const converse = (
  login: string,
  filter: MessageFilter | RoomFilter,
  options: ConnectionOptions,
  up: Effect.Effect<void>
): Effect.Effect<void, ListeningError, Scope.Scope> =>
  Effect.gen(function* () {
    const { socket, ended, greeted, taken } = yield* Effect.uninterruptibleMask((restore) =>
      restore(options.socket).pipe(
        Effect.map((socket) => ({ socket, ...receive(socket, filter, options) })),
        Effect.tap((reception) => Effect.addFinalizer(() => leave(reception, options.output)))
      )
    )
    const sender = yield* LineConnection.makeSender(socket)
    const { hasAccount = false, rooms, secret } = options
    const isOfAccount = hasAccount || secret !== undefined
    const hello = `/hello ack${options.json ? " auto to" : ""}${isOfAccount || rooms !== undefined ? " seq" : ""}\n`
    if (!isOfAccount) yield* sender.send(`${login}\n${hello}`)
    else {
      // Before the login, so that the first kept message has its number.
      yield* sender.send(hello)
      // An original server does not reply, and must not get the secret.
      const found = yield* Effect.timeoutOption(greeted, patience)
      const mayBeSent = socket.isPrivate === true || options.insecure === true
      const mistake = secret === undefined ? undefined : Login.whyNot(Option.getOrUndefined(found), mayBeSent)
      if (mistake !== undefined) return yield* mistake
      yield* sender.send(`${login}${secret === undefined ? "" : `: ${Wire.encode(yield* secret)}`}\n/hello\n`)
    }
    yield* Effect.timeoutOption(Deferred.await(taken), patience).pipe(
      Effect.zipRight(up),
      Effect.tap(() =>
        rooms === undefined || filter.server === "a-chat" ? Effect.void : Deferred.fail(ended, noRooms)
      ),
      Effect.forkScoped
    )
    // All messages may have arrived before that fiber has started.
    yield* Effect.onExit(Deferred.await(ended), () => Effect.whenEffect(up, Deferred.isDone(taken)))
    yield* flushed(options.output)
  })

/**
 * Acknowledges printed messages, then closes. Messages that arrive later are not printed, and return to their senders.
 */
const leave = ({ acknowledgement, isOpen, socket }: Reception & { readonly socket: Socket }, output: Output) =>
  Effect.suspend(() => (isOpen() ? flushedWithin(output, outputMillis) : Effect.void)).pipe(
    Effect.zipRight(Effect.sync(() => acknowledgement.stop())),
    Effect.zipRight(socket.close(linger))
  )

interface Reception {
  readonly acknowledgement: Acknowledgement
  /** Whether the connection is still open. */
  readonly isOpen: () => boolean
  /** The server's first `hello`; fails if the connection ends before it. */
  readonly greeted: Effect.Effect<Pick<Login.Hello, "accounts">, ListeningError>
  /** Done once the server has accepted the login. */
  readonly taken: Deferred.Deferred<void>
  /** Done when `count` is reached or the connection has ended. */
  readonly ended: Deferred.Deferred<void, ListeningError>
}

/** Why a connection has ended. */
type ListeningError = TransportError | Login.LoginRefused | RequestRefused

interface ConnectionOptions extends ListeningOptions {
  /** Called with the delay that the server requests before the next connection, in milliseconds. */
  readonly closing: (returnMillis: number | undefined) => void
  /** Takes the id of the server's log. */
  readonly useLog: (log: string | undefined) => void
}

/** Writes the server's lines to the output, one read at a time; pauses reading while the output is full. */
const receive = (
  socket: Socket,
  filter: MessageFilter | RoomFilter,
  { closing, hasAccount = false, json, onGap, output, record, rooms, secret, useLog, warn }: ConnectionOptions
): Reception => {
  const taken = Deferred.unsafeMake<void>(FiberId.none)
  const ended = Deferred.unsafeMake<void, ListeningError>(FiberId.none)
  const hello = Deferred.unsafeMake<Pick<Login.Hello, "accounts">>(FiberId.none)
  filter.connected()
  let name = ""
  const framing = new Framing(Login.defaultMaxLineBytes)
  const write = writer(output, json, filter, hasAccount || secret !== undefined || rooms !== undefined)
  const acknowledgement = new Acknowledgement((wire) => socket.write(wire)) // a few bytes, not awaited
  let isOpen = true
  /** Messages handled so far whose acknowledgement is under way, or that the server does not count. */
  let counted = filter.handled

  let held = false
  const release = () => {
    held = false
    acknowledgement.stopRepeating()
    socket.resume()
  }
  const hold = () => {
    if (held) return
    held = true
    acknowledgement.startRepeating()
    socket.pause()
    output.once("drain", release)
  }

  const report = (received: Received.Received) => {
    if (received._tag === "Notice" && received.code === "hello") {
      filter.server = "a-chat"
      useLog(received.values.get("log"))
      record?.seen.useLog(received.values.get("log"))
      const accounts = Login.accountsIn(received.values)
      Deferred.unsafeDone(hello, Exit.succeed(accounts === undefined ? {} : { accounts }))
      name = received.values.get("name") ?? ""
      if (name !== "" && filter instanceof RoomFilter) {
        const post = (line: string) => void socket.write(`${Wire.encode(line)}\n`)
        filter.enter({ name, isOfAccount: received.values.has("device"), log: received.values.get("log"), post })
      }
    }
    const notice = RoomReports.roomNoticeIn(received)
    if (notice?._tag === "Left" && notice.names.includes(name) && rooms?.names.includes(notice.room) === true) {
      return Deferred.unsafeDone(ended, Exit.fail(removedFrom(notice.room, notice.by)))
    }
    if (received._tag === "Notice" && received.code === "closing") closing(Received.returnMillis(received))
    if (received._tag !== "Refused") {
      if (!acknowledgement.isOn && turnsOn(received)) {
        acknowledgement.isOn = true
        counted = filter.handled
      }
      // A `hello` before the login has no name.
      if (received._tag !== "Notice" || received.code !== "hello" || received.values.has("name")) {
        Deferred.unsafeDone(taken, Exit.void)
      }
      return
    }
    const refusal = Login.refusedBy(received) ?? notEntered(received)
    if (refusal !== undefined) return Deferred.unsafeDone(ended, refusal)
    const gap = Received.gapIn(received)
    if (gap !== undefined) onGap?.()
    const returned = Received.returnIn(received)
    warn(
      gap === undefined
        ? returned === undefined
          ? `${received.code}: ${received.text}`
          : KeptText.returned(returned)
        : KeptText.gap(gap)
    )
  }
  const take = (pieces: ReadonlyArray<Piece>) => {
    for (const piece of pieces) {
      if (piece._tag === "TooLong") {
        warn(`left out a message of more than ${Login.defaultMaxLineBytes} bytes`)
        filter.handled += 1
        continue
      }
      const lines = filter.take(piece.text, report)
      const messages = acknowledgement.isOn ? filter.handled - counted : 0
      counted = filter.handled
      const places = filter.takePlaces()
      // The server closes a client that acknowledges nothing for a long time.
      if (filter instanceof RoomFilter && filter.isHolding) acknowledgement.startRepeating()
      else if (!held) acknowledgement.stopRepeating()
      if (filter.left === 0) Deferred.unsafeDone(ended, Exit.void)
      if (lines === "" && messages === 0) continue
      Deferred.unsafeDone(taken, Exit.void)
      // Messages that are left out count as processed after those before them.
      const isFree = write(lines, (error) => {
        if (error !== null && error !== undefined) return
        acknowledgement.add(messages)
        if (record === undefined || places.length === 0) return
        for (const place of places) record.seen.passed(place)
        record.changed()
      })
      if (!isFree) hold()
    }
  }
  socket.attach({
    data: (bytes) => take(framing.push(bytes)),
    end: () => {
      isOpen = false
      acknowledgement.stopRepeating()
      // A last line without its LF was cut off, and is dropped.
      Deferred.unsafeDone(ended, Exit.fail(LineConnection.closed))
    },
    closed: (error) => {
      isOpen = false
      acknowledgement.stopRepeating()
      Deferred.unsafeDone(ended, Exit.fail(error ?? LineConnection.lost))
    }
  })
  const greeted = Effect.raceFirst(Deferred.await(hello), Effect.zipRight(Deferred.await(ended), Effect.never))
  return { acknowledgement, isOpen: () => isOpen, taken, greeted, ended }
}

/** The refusal to enter a room. */
const notEntered = (received: Received.Received & { readonly _tag: "Refused" }) => {
  const [command, room = ""] = received.words
  if (received.code !== "refused" || command !== "join") return undefined
  const reason = received.values.get("reason") ?? ""
  const text = reason === "unknown-command" ? "this server has no rooms" : received.text
  return Exit.fail(new RequestRefused({ command, reason, retryMillis: undefined, text: `${room}: ${text}` }))
}

const removedFrom = (room: string, by: string | undefined) =>
  new RequestRefused({
    command: "join",
    reason: "removed",
    retryMillis: undefined,
    text: `no longer in ${room}${by === undefined ? "" : `, removed by ${by}`}`
  })

const noRooms = new RequestRefused({
  command: "join",
  reason: "unknown-command",
  retryMillis: undefined,
  text: "this server has no rooms"
})

/** Writes lines in wire form; returns false while the output is full. Calls `taken` once the output has taken them. */
type Writer = (lines: string, taken: (error: Error | null | undefined) => void) => boolean

const writer = (output: Output, json: boolean, filter: LineFilter, hasNumbers: boolean): Writer => {
  const isTerminal = output.isTTY === true
  const plain = hasNumbers ? withoutNumbers : (lines: string) => lines
  if (!json && !isTerminal) return (lines, taken) => output.write(plain(lines), "latin1", taken)
  const show = isTerminal ? (json ? Escape.json : Escape.show) : (text: string) => text
  return (lines, taken) =>
    output.write(show(json ? toJson(lines, new Date(), filter.server) : Wire.decode(plain(lines))), taken)
}

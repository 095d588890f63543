import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Client from "../client/Client.js"
import * as ClientConnection from "../client/ClientConnection.js"
import * as Heartbeat from "../client/Heartbeat.js"
import * as KeptRecipients from "../client/KeptRecipients.js"
import type { Labels } from "../client/Labels.js"
import type { LastSeen } from "../client/LastSeen.js"
import type * as LineConnection from "../client/LineConnection.js"
import * as Login from "../client/Login.js"
import { Pace } from "../client/Pace.js"
import type { Elsewhere } from "../client/Servers.js"
import { TransportError, type Socket } from "../ports/Transport.js"
import * as Format from "./Format.js"
import type { PostponedRequest } from "./RequestQueue.js"
import { againLabel } from "./RoomLines.js"
import { aliveLabel, countLabel, startLabel } from "./ServerLines.js"
import type { Ui } from "./Ui.js"

export interface OneConnectionOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** The server's address, for people; of several, all of them. */
  readonly where: string
  readonly elsewhere?: Pick<Elsewhere, "others"> | undefined
  readonly login: string
  /** As in the options of a client. */
  readonly secret?: Effect.Effect<string> | undefined
  readonly insecure?: boolean | undefined
  readonly hasAccount?: boolean | undefined
  /**
   * The messages shown on earlier connections, and the labels of all messages; undefined if labels end with their
   * connection.
   */
  readonly seen: LastSeen
  readonly labels: Labels | undefined
}

/** An original server never replies if the login is in use. */
const greetTimeout = Duration.seconds(10)

/** How long closing the connection waits for the server to end its half. */
const linger = Duration.seconds(1)

/** The shortest pause before a request is repeated, whatever the server says. */
const leastPauseMillis = 500

/**
 * Interval between checks that the server is alive, and its time for the reply: longer than a server holds a sender.
 */
const aliveTime = Duration.seconds(30)

/** Time for the end of the connection to settle the remaining outcomes. */
const settleTime = Duration.seconds(1)

/**
 * How long messages to users who were present before the break wait for them to come back. Clients return within
 * seconds of each other, so without this wait the first to return would write to people who are still absent.
 */
const returnTime = Duration.seconds(15)

/** The most messages under way. If the connection breaks, all later ones are known to be unsent. */
const maxUnderWay = 256

/**
 * Runs one connection from the greeting to its end. Sends messages in the order typed, and shows the server's lines.
 * Returns why the connection ended, for people; fails if there was no greeting.
 */
export const run = (
  ui: Ui,
  options: OneConnectionOptions
): Effect.Effect<string, TransportError | Client.Unsendable | Client.LoginRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { composer, people, screen, serverLines } = ui
    const { hasAccount, insecure = false, login, secret, where } = options
    let isPrivate = false
    const socket = Effect.tap(options.socket, (opened) => Effect.sync(() => (isPrivate = opened.isPrivate === true)))
    const { labels, seen } = options
    const kept = { seen, labels, once: true, copies: true, receipts: true }
    const asked = { socket, login, secret, insecure, hasAccount, ...kept, ack: true, to: true, linger }
    const { hello, started } = yield* Login.start(asked).pipe(
      Effect.flatMap((started) => Effect.map(Login.greet(started), (hello) => ({ hello, started }))),
      Effect.timeoutFail({ duration: greetTimeout, onTimeout: () => silent(where) })
    )
    const client = ClientConnection.greeted(started, hello)
    const underWay = yield* FiberSet.make<void>()
    serverLines.connected()
    const pace = new Pace(Option.isSome(hello) ? hello.value.rates : [], performance.now())
    composer.phase = {
      _tag: "Here",
      reportsOutcomes: Option.isSome(hello),
      isPaced: pace.isLimited,
      end: client.end,
      whyNoSecrets: whyNoSecrets(Option.getOrUndefined(hello), isPrivate || insecure)
    }
    const isOneOfSeveral = (options.elsewhere?.others ?? 0) > 0
    announce(ui, { login, where: isOneOfSeveral ? client.remote : where }, hello)
    yield* ui.mutes.use(people.own)
    openConversations(ui, Option.getOrUndefined(hello))
    // A server without notices would not report users who are back.
    if (Option.isNone(hello)) expectNoOne(ui)
    yield* resendKept(ui, started.connection, Option.getOrUndefined(hello)).pipe(Effect.forkScoped)
    ui.work.unsafeOpen()

    const expect = Effect.sync(() => expectNoOne(ui)).pipe(Effect.delay(returnTime), Effect.zipRight(Effect.never))
    const why = yield* send(client, ui, pace, { underWay, labels }).pipe(
      Effect.raceFirst(expect),
      Effect.raceFirst(Option.isSome(hello) ? watch(started.connection, pace) : Effect.never),
      Effect.raceFirst(receive(client, ui, pace))
    )
    composer.phase = { _tag: "Away", why: "" }
    people.ended()
    ui.reader.disconnected()
    // The end of the connection settles every delivery. The timeout is for a connection that is merely silent.
    yield* Effect.timeoutOption(FiberSet.awaitEmpty(underWay), settleTime)
    yield* FiberSet.clear(underWay)
    composer.outgoing.lose()
    serverLines.showPresence()
    screen.changed()
    return why
  })

/** Why no password may be sent on this connection. */
const whyNoSecrets = (hello: Client.Hello | undefined, mayBeSent: boolean): string | undefined => {
  if (hello?.accounts === undefined) return "this server has no accounts"
  return mayBeSent ? undefined : "others could read this connection; connect with TLS to send a password"
}

const silent = (where: string) =>
  new TransportError({
    during: "Connect",
    reason: `${where} does not reply; an original a-chat server does not if the login is in use, so try another`
  })

/** Shows where the client is connected, and requests the list of users. */
const announce = (
  { marks, people, requests, transcript }: Ui,
  { login, where }: Pick<OneConnectionOptions, "login" | "where">,
  hello: Option.Option<Client.Hello>
) => {
  const isAgain = people.own !== ""
  requests.clear()
  people.own = Option.match(hello, { onNone: () => login, onSome: ({ name }) => name })
  const more = isAgain ? "again" : `as ${people.own}; see /help`
  transcript.print(Format.quiet(`connected to ${where} ${more}`, marks))
  if (Option.isSome(hello)) requests.ask(isAgain ? countLabel : startLabel, "/who")
  else {
    const what = `this server does not report outcomes of messages; ${marks.quiet} only means sent`
    transcript.print(Format.quiet(what, marks))
  }
}

/** Requests the user's conversations. Those of an account are kept; a guest has to rejoin the rooms. */
const openConversations = ({ conversations, navigation, reader, requests, rooms }: Ui, hello?: Client.Hello) => {
  const isOfAccount = hello?.device !== undefined
  if (hello?.rooms === undefined) return reader.connected({ hasRooms: false, isOfAccount })
  conversations.useLog(hello.log)
  rooms.connected()
  if (!isOfAccount) for (const room of conversations.rooms) requests.askAs(againLabel, `/join ${room}`)
  navigation.connected()
  return reader.connected({ hasRooms: true, isOfAccount })
}

/** Sends held messages although their recipients are not back. */
const expectNoOne = ({ composer, people, screen }: Ui): void => {
  people.expectNoOne()
  composer.release()
  screen.changed()
}

/** Shows the server's lines, one read at a time, no faster than the terminal takes them. */
const receive = (client: Client.ClientHandle, ui: Ui, pace: Pace): Effect.Effect<string, never, Scope.Scope> =>
  client.received.pipe(
    Stream.runForEachChunk((lines) =>
      Effect.gen(function* () {
        const { composer, screen, serverLines } = ui
        for (const line of lines) {
          serverLines.take(line)
          const postponed = ui.requests.postponed(line)
          if (postponed !== undefined) yield* Effect.forkScoped(repeat(postponed, ui, pace))
        }
        composer.release()
        screen.changed()
        yield* screen.flushed
      })
    ),
    Effect.match({ onFailure: (error) => error.message, onSuccess: () => "the server closed the connection" })
  )

/**
 * Repeats one of the program's own requests once the server accepts it. Without their replies, no user would be known
 * to be present.
 */
const repeat = ({ command, label, retryMillis }: PostponedRequest, { requests }: Ui, pace: Pace): Effect.Effect<void> =>
  Effect.suspend(() => {
    pace.refused(retryMillis, performance.now())
    const again = Effect.sync(() => requests.ask(label, command))
    return Effect.delay(again, Math.max(leastPauseMillis, retryMillis))
  })

/** Sends the messages again whose outcomes are unknown, and that are not stored twice: those to accounts. */
const resendKept = (
  { composer, screen, work }: Ui,
  connection: LineConnection.LineConnection,
  hello: Client.Hello | undefined
): Effect.Effect<void> => {
  const names = composer.outgoing.unknownRecipients
  if (names.length === 0 || hello?.device === undefined || !hello.words.includes("once")) return Effect.void
  return KeptRecipients.ask(connection, names).pipe(
    Effect.map((kept) => {
      if (!composer.outgoing.resendTo(kept)) return
      work.unsafeOpen()
      screen.changed()
    }),
    Effect.ignore // `receive` sees the end of the connection; the user can send them again
  )
}

/** Waits until a line that is not a message may be sent. */
const turnOf = (pace: Pace): Effect.Effect<void> =>
  Effect.suspend(() => {
    const wait = pace.reserve(performance.now())
    return wait > 0 ? Effect.sleep(wait) : Effect.void
  })

/** Returns when the server has fallen silent. */
const watch = (connection: LineConnection.LineConnection, pace: Pace) =>
  Effect.as(
    Heartbeat.awaitSilence({
      connection,
      interval: aliveTime,
      turn: turnOf(pace),
      ping: connection.send(`@${aliveLabel} /ping\n`)
    }),
    Heartbeat.silence
  )

/** Sends everything that waits or is typed later. */
const send = (
  client: ClientConnection.LabellingHandle,
  ui: Ui,
  pace: Pace,
  { labels, underWay }: Pick<OneConnectionOptions, "labels"> & { readonly underWay: FiberSet.FiberSet<void> }
): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { phase } = ui.composer
    const settled = yield* Effect.makeLatch(false)
    const turns: Turns = { pace, labels, to: new Map(), settled, isClosing: false }
    const places = yield* Effect.makeSemaphore(maxUnderWay)
    const next =
      phase._tag === "Here" && phase.reportsOutcomes
        ? deliverNext(client, ui, turns, underWay, places)
        : sendNext(client, ui)
    for (;;) {
      yield* ui.work.await
      yield* ui.work.close
      for (const request of ui.requests.take()) {
        // `receive` sees the end of the connection.
        yield* Effect.zipRight(turnOf(pace), Effect.ignore(client.sendLine(request)))
      }
      while (yield* next);
    }
  })

/** Decides when the next message may go. */
interface Turns {
  readonly pace: Pace
  readonly labels: Labels | undefined
  /** The number of messages under way to each recipient; counted only if the server announced a rate. */
  readonly to: Map<string, number>
  /** Opened when a message has its outcomes. */
  readonly settled: Effect.Latch
  /** The server refused a line as `closing`: it takes no more messages on this connection. */
  isClosing: boolean
}

/**
 * Waits until the next message may go. If the server announces a rate, it may refuse any message, so no later message
 * to the same recipient is sent before its outcome: otherwise it could arrive first.
 */
const awaitTurn = ({ outgoing }: Ui["composer"], turns: Turns): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (;;) {
      const message = outgoing.peek()
      if (message === undefined || turns.isClosing) return
      turns.settled.unsafeClose()
      const wait = turns.pace.wait(performance.now())
      if (wait > 0) yield* Effect.sleep(wait)
      else if (message.to.some((name) => turns.to.has(name))) yield* turns.settled.await
      else return
    }
  })

/** Sends the next message, and waits for its outcomes in a separate fiber. Returns false if there is none to send. */
const deliverNext = (
  client: ClientConnection.LabellingHandle,
  { composer, screen, work }: Ui,
  turns: Turns,
  underWay: FiberSet.FiberSet<void>,
  places: Effect.Semaphore
): Effect.Effect<boolean> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      // In this order, because the outcome that frees a place may also ask for a pause.
      yield* restore(Effect.zipRight(places.take(1), awaitTurn(composer, turns)))
      const next = turns.isClosing ? undefined : composer.outgoing.take()
      if (next === undefined) return Effect.as(places.release(1), false)
      turns.pace.spend(1)
      count(turns, next.to, 1)
      const label = next.label ?? turns.labels?.next()
      composer.outgoing.labelled(next.id, label)
      const delivery = client.deliverAs(next.to, next.text, label).pipe(
        Effect.match({
          onSuccess: (fates) => {
            composer.settle(next.id, fates)
            turns.isClosing ||= fates.some((fate) => fate._tag === "Refused" && fate.reason === "closing")
            const pause = slowDownMillis(fates)
            if (pause === undefined) return
            turns.pace.refused(pause, performance.now())
            work.unsafeOpen()
          },
          onFailure: (error) =>
            error._tag === "Unsendable" ? composer.refuse(next.id, error.message) : composer.outgoing.putBack(next.id)
        }),
        Effect.ensuring(
          Effect.zipRight(
            places.release(1),
            Effect.sync(() => {
              count(turns, next.to, -1)
              turns.settled.unsafeOpen()
              screen.changed()
            })
          )
        ),
        Effect.interruptible
      )
      // Uninterruptible from `take` to fork, so that no message is taken and then lost.
      return Effect.as(FiberSet.run(underWay, delivery), true)
    }).pipe(Effect.flatten)
  )

/** Counts a message to these recipients as under way, or as done. */
const count = ({ pace, to }: Turns, names: ReadonlyArray<string>, change: 1 | -1) => {
  if (!pace.isLimited) return
  for (const name of names) {
    const messages = (to.get(name) ?? 0) + change
    if (messages === 0) to.delete(name)
    else to.set(name, messages)
  }
}

/** How long to pause if the server refused the message as `slow-down`. */
const slowDownMillis = (fates: ReadonlyArray<Client.MessageFate>): number | undefined => {
  for (const fate of fates) if (fate._tag === "Refused" && fate.reason === "slow-down") return fate.retryMillis ?? 1000
  return undefined
}

/** `deliverNext` for a server that reports no outcomes. */
const sendNext = (client: Client.ClientHandle, { composer, screen }: Ui): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const next = composer.outgoing.take()
    if (next === undefined) return Effect.succeed(false)
    return client.send(next.to, next.text).pipe(
      Effect.match({
        onSuccess: () => composer.sent(next.id, next.to, next.text),
        onFailure: (error) => {
          if (error._tag === "Unsendable") composer.refuse(next.id, error.message)
          else composer.settle(next.id, [{ _tag: "Unknown", names: next.to }])
          return error._tag === "TransportError"
        }
      }),
      Effect.tap(() => Effect.sync(() => screen.changed())),
      // Later messages stay unsent: nothing can be sent on a broken connection.
      Effect.flatMap((isBroken) => (isBroken === true ? Effect.never : Effect.succeed(true)))
    )
  })

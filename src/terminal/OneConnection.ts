import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Client from "../client/Client.js"
import { TransportError, type Socket } from "../ports/Transport.js"
import * as Format from "./Format.js"
import { aliveLabel, countLabel } from "./ServerLines.js"
import type { Ui } from "./Ui.js"

export interface OneConnectionOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** The server's address, for people. */
  readonly where: string
  readonly login: string
}

/** An original server never answers a login that is in use. */
const greetTimeout = Duration.seconds(10)

/** How long the scope's end waits for the server's own. */
const linger = Duration.seconds(1)

/** How often the server is asked whether it is there. */
const aliveTime = Duration.seconds(30)

/** How long it may take; longer than a server holds a sender. */
const answerTime = Duration.seconds(30)

const readTime = Duration.seconds(1)

/** So many messages are under way at once; what is behind them is surely unsent when the connection breaks. */
const maxUnderWay = 256

/**
 * One connection, from the greeting to its end, however that comes; returns why, for people. In between, what was typed
 * goes out in the order typed, and what comes is shown. Fails if there was no greeting.
 */
export const run = (
  ui: Ui,
  options: OneConnectionOptions
): Effect.Effect<string, TransportError | Client.Unsendable | Client.LoginRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { composer, screen, serverLines } = ui
    const client = yield* Client.greet({ socket: options.socket, login: options.login, linger }).pipe(
      Effect.timeoutFail({ duration: greetTimeout, onTimeout: () => silent(options.where) })
    )
    const hello = yield* client.hello
    const underWay = yield* FiberSet.make<void>()
    serverLines.connected()
    composer.phase = { _tag: "Here", tells: Option.isSome(hello), end: client.end }
    announce(ui, options, hello)
    ui.work.unsafeOpen()

    const why = yield* Effect.raceFirst(
      receive(client, ui),
      Effect.raceFirst(send(client, ui, underWay), Option.isSome(hello) ? watch(client, ui) : Effect.never)
    )
    composer.phase = { _tag: "Away", why: "" }
    // The end of the connection has told each of them that nothing more will be known; one that is only silent has not.
    yield* Effect.timeoutOption(FiberSet.awaitEmpty(underWay), readTime)
    yield* FiberSet.clear(underWay)
    composer.outgoing.lose()
    serverLines.showPresence()
    screen.changed()
    return why
  })

const silent = (where: string) =>
  new TransportError({
    during: "Connect",
    reason: `${where} does not answer; an original a-chat server does not where the login is in use: try another`
  })

/** Says where one is, and asks who else. */
const announce = (
  { composer, marks, people, transcript }: Ui,
  { login, where }: OneConnectionOptions,
  hello: Option.Option<Client.Hello>
) => {
  const isAgain = people.own !== ""
  people.own = Option.match(hello, { onNone: () => login, onSome: ({ name }) => name })
  const more = isAgain ? "again" : `as ${people.own}; see /help`
  transcript.print(Format.quiet(`connected to ${where} ${more}`, marks))
  if (Option.isSome(hello)) composer.requests = [`@${countLabel} /who`]
  else {
    composer.requests = []
    const what = `this server does not tell what becomes of a message: ${marks.quiet} means sent, and no more`
    transcript.print(Format.quiet(what, marks))
  }
}

/** Shows what comes, a read at a time, as fast as the terminal takes it. */
const receive = (client: Client.Client, { screen, serverLines }: Ui): Effect.Effect<string> =>
  client.received.pipe(
    Stream.runForEachChunk((lines) =>
      Effect.suspend(() => {
        for (const line of lines) serverLines.take(line)
        screen.changed()
        return screen.flushed
      })
    ),
    Effect.match({ onFailure: (error) => error.message, onSuccess: () => "the server closed the connection" })
  )

/** That the connection is over is seen where its lines come from. */
const ask = (client: Client.Client, line: string): Effect.Effect<void> => Effect.ignore(client.sendLine(line))

/**
 * Returns when the server is silent: a cable that was pulled, or a laptop that slept in another network, ends no
 * connection for many minutes.
 */
const watch = (client: Client.Client, { serverLines }: Ui): Effect.Effect<string> =>
  Effect.gen(function* () {
    for (;;) {
      yield* Effect.sleep(aliveTime)
      const before = serverLines.heard
      yield* ask(client, `@${aliveLabel} /ping`)
      yield* Effect.sleep(answerTime)
      // The timer may be late, behind a sleep of this machine, and what came meanwhile not yet read.
      if (serverLines.heard === before) yield* Effect.sleep(readTime)
      if (serverLines.heard === before) return "the server does not answer any more"
    }
  })

/** Sends what there is to send, and what is still to come. */
const send = (client: Client.Client, ui: Ui, underWay: FiberSet.FiberSet<void>): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { phase, requests } = ui.composer
    const places = yield* Effect.makeSemaphore(maxUnderWay)
    const sendNext =
      phase._tag === "Here" && phase.tells ? deliverNext(client, ui, underWay, places) : tellNext(client, ui)
    for (;;) {
      yield* ui.work.await
      yield* ui.work.close
      for (const request of requests.splice(0)) yield* ask(client, request)
      while (yield* sendNext);
    }
  })

/** Sends the next message, whose fate a fiber of its own waits for; false if there is none. */
const deliverNext = (
  client: Client.Client,
  { composer, screen }: Ui,
  underWay: FiberSet.FiberSet<void>,
  places: Effect.Semaphore
): Effect.Effect<boolean> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      yield* restore(places.take(1))
      const next = composer.outgoing.take()
      if (next === undefined) return Effect.as(places.release(1), false)
      const delivery = client.deliver(next.to, next.text).pipe(
        Effect.match({
          onSuccess: (fates) => composer.settle(next.id, fates),
          onFailure: (error) =>
            error._tag === "Unsendable" ? composer.refuse(next.id, error.message) : composer.outgoing.putBack(next.id)
        }),
        Effect.ensuring(
          Effect.zipRight(
            places.release(1),
            Effect.sync(() => screen.changed())
          )
        ),
        Effect.interruptible
      )
      // Taken and forked in one step: none is taken and forgotten.
      return Effect.as(FiberSet.run(underWay, delivery), true)
    }).pipe(Effect.flatten)
  )

/** The same with a server that tells nothing. */
const tellNext = (client: Client.Client, { composer, screen }: Ui): Effect.Effect<boolean> =>
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
      // What is behind it stays unsent: nothing goes over a connection that broke.
      Effect.flatMap((isBroken) => (isBroken === true ? Effect.never : Effect.succeed(true)))
    )
  })

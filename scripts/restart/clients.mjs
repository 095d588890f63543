// Pairs of clients that exchange messages all the time, reconnect when the server has gone, and know what became of
// every line. They use the library's client, which reconnecting programs use, without acknowledgements: what a server
// loses or sends twice would never be acknowledged, and the measurement would wait for it. Imported, not run.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Client, Tcp } from "../../dist/library/index.js"

/** Pause after a failed connect or an absent recipient, in milliseconds. */
const pause = 20

/** What all clients saw. */
export const makeBook = () => ({
  /**
   * Refused connects; connections that broke before the login was accepted; connections that a server ended in order
   * before the login because it was shutting down.
   */
  refused: 0,
  broken: [],
  turnedAway: 0,
  /** Each login sends one message to itself, to detect the server's version. */
  logins: 0,
  /** Lines by outcome. `closing`: refused because the server was shutting down. */
  lines: { sent: 0, written: 0, returned: 0, closing: 0, unknown: 0 },
  /**
   * Messages that never arrived although they were accepted or their outcome is unknown; and messages that arrived
   * twice.
   */
  lost: 0,
  twice: 0,
  faults: [],
  /** Time of the last message, and the longest gap since it was last reset. */
  lastAt: performance.now(),
  pause: 0,
  /**
   * Time from a connection's end to the next login, for clients that reconnect at once and for those that wait as told.
   */
  awayAtOnce: [],
  awayAsTold: [],
  /** The longest time from a connect to an accepted login. */
  longestLogin: 0
})

const arrived = (book) => {
  const now = performance.now()
  book.pause = Math.max(book.pause, now - book.lastAt)
  book.lastAt = now
}

/** Records whether a connection breaks or ends in order. */
const watch = (socket, connection) => {
  connection.isOpen = true
  const attach = socket.attach.bind(socket)
  const closed = (events) => (error) => {
    connection.error = error
    events.closed(error)
  }
  socket.attach = (events) => attach({ ...events, closed: closed(events) })
}

/** Connects until a login is accepted. `use` gets the client, whose connection is closed after that. */
const visit = (world, name, use) =>
  Effect.gen(function* () {
    const { book } = world
    for (;;) {
      const begunAt = performance.now()
      const connection = { isOpen: false, error: undefined }
      const socket = Effect.tap(Tcp.connect(world.address), (socket) => Effect.sync(() => watch(socket, connection)))
      const attempt = Effect.flatMap(Effect.either(Client.connect({ socket, login: name, ack: false })), (login) => {
        if (login._tag === "Left") return Effect.succeed(login.left)
        book.longestLogin = Math.max(book.longestLogin, performance.now() - begunAt)
        return Effect.as(use(login.right), undefined)
      })
      const error = yield* Effect.scoped(attempt)
      if (error === undefined) return
      if (!connection.isOpen) book.refused += 1
      else if (connection.error === undefined) book.turnedAway += 1
      else book.broken.push(connection.error.message)
      yield* Effect.sleep(pause)
    }
  })

/** Reconnects until the run is over. `session` gets each connection, `heard` the messages. */
const keep = (world, name, { comesAtOnce, heard, session }) =>
  Effect.gen(function* () {
    const { book } = world
    const away = comesAtOnce ? book.awayAtOnce : book.awayAsTold
    let endedAt
    while (!world.isOver()) {
      let returnMillis = 0
      const stay = (client) =>
        Effect.gen(function* () {
          if (endedAt !== undefined) away.push(performance.now() - endedAt)
          const isOpen = { current: true }
          const hear = Stream.runForEach(client.received, (received) =>
            Effect.sync(() => {
              if (received._tag === "Message") return heard(received)
              if (received._tag !== "Notice" || received.code !== "closing") return
              returnMillis = Number(received.values.get("return"))
              isOpen.current = false
            })
          )
          const hearing = yield* Effect.fork(Effect.either(hear))
          // Fails if the shutdown begins before the server has answered the /hello.
          const hello = yield* Effect.either(client.hello)
          if (hello._tag === "Right") {
            book.logins += 1
            yield* session(client, isOpen)
          }
          if (world.isOver()) yield* client.end
          const ending = yield* Fiber.join(hearing)
          if (ending._tag === "Left") book.faults.push(`${name}: its connection broke: ${ending.left.message}`)
          endedAt = performance.now()
        })
      yield* visit(world, name, stay)
      if (!comesAtOnce && !world.isOver()) yield* Effect.sleep(returnMillis)
    }
  })

/** A sender and a recipient, with `window` unanswered lines. Half of the pairs reconnect at once, half when told. */
export const pair = (world, i, window) => {
  const { book } = world
  const [sender, recipient] = [`sender${i}`, `recipient${i}`]
  const comesAtOnce = i % 2 === 0
  let sequence = 0
  /** Unsettled lines: whether `written`, whether `received`. */
  const open = new Map()
  const settle = (line, what) => {
    const state = open.get(line) ?? book.faults.push(`line ${line} of ${sender}: ${what}, but was settled`)
    state[what] = true
    if (state.written && state.received) open.delete(line)
  }

  const heard = (received) => {
    arrived(book)
    const line = Number(received.text)
    const state = received.from === sender ? open.get(line) : undefined
    if (state === undefined) book.faults.push(`${recipient} got line ${received.text}, which was settled or never sent`)
    else if (state.received) book.faults.push(`${recipient} got line ${received.text} twice`)
    // A line is forgotten once its sender has its outcome: if it arrives after that, it arrived twice or was returned.
    if (state === undefined || state.received) book.twice += 1
    else settle(line, "received")
  }

  const send = (client, isOpen) =>
    Effect.gen(function* () {
      while (isOpen.current && !world.isOver()) {
        const line = sequence++
        open.set(line, {})
        book.lines.sent += 1
        const fates = yield* Effect.either(client.deliver([recipient], String(line)))
        if (fates._tag === "Left") {
          // The line was not sent.
          book.lines.sent -= 1
          open.delete(line)
          return
        }
        const [fate] = fates.right
        if (fate._tag === "Written") {
          book.lines.written += 1
          settle(line, "written")
          continue
        }
        if (fate._tag === "Returned") book.lines.returned += 1
        else if (fate._tag === "Refused" && fate.reason === "closing") book.lines.closing += 1
        else book.lines.unknown += 1
        if (open.get(line)?.received)
          book.faults.push(`line ${line} of ${sender} was received, but reported as ${fate._tag}`)
        open.delete(line)
        yield* Effect.sleep(pause)
      }
    })

  const sending = keep(world, sender, {
    comesAtOnce,
    heard: () => {},
    session: (client, isOpen) =>
      Effect.all(
        Array.from({ length: window }, () => send(client, isOpen)),
        { concurrency: "unbounded" }
      )
  })
  // The recipient leaves after its sender has ended: lines written to it arrive before its end.
  const receiving = keep({ ...world, isOver: () => isSilent }, recipient, {
    comesAtOnce,
    heard,
    session: (client, isOpen) =>
      Effect.iterate(0, { while: () => isOpen.current && !isSilent, body: () => Effect.sleep(pause) })
  })
  let isSilent = false
  const silent = Effect.sync(() => (isSilent = true))
  return Effect.zipRight(
    Effect.all([Effect.zipRight(sending, silent), receiving], { concurrency: 2 }),
    Effect.sync(() => {
      book.lost += open.size
      for (const [line, { written }] of open) {
        book.faults.push(`line ${line} of ${sender} is lost${written ? ", although it was reported as written" : ""}`)
      }
    })
  )
}

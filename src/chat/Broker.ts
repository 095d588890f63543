import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Line from "../protocol/Line.js"
import * as Name from "../protocol/Name.js"
import * as Reply from "../protocol/Reply.js"
import type { Socket } from "../transport/Transport.js"
import { Deadlines } from "./Deadlines.js"
import { Ledger } from "./Ledger.js"
import type { Options } from "./Options.js"
import { Outbox, type Batch } from "./Outbox.js"
import { Peer } from "./Peer.js"
import { Roster, type Members } from "./Roster.js"
import { Routing } from "./Routing.js"

/** What the readers, the writers, the clock and the server tell the broker. */
type Event =
  /** Its inlet has something. */
  | { readonly _tag: "Read"; readonly peer: Peer }
  /** Its outbox has room again, and senders wait for it. */
  | { readonly _tag: "Room"; readonly peer: Peer }
  /** It is leaving, and the last of its own lines was written. */
  | { readonly _tag: "Settled"; readonly peer: Peer }
  /** A batch with labelled lines was written to it. */
  | { readonly _tag: "Outcomes"; readonly peer: Peer; readonly batch: Batch<Peer> }
  | { readonly _tag: "Left"; readonly peer: Peer; readonly departure: Departure }
  | { readonly _tag: "Tick"; readonly now: number }
  | { readonly _tag: "Drain" }
  | { readonly _tag: "CutOff" }
  | { readonly _tag: "Asked"; readonly answer: Deferred.Deferred<void> }

/** How a writer came to its end. */
export interface Departure {
  readonly reason: CloseReason
  /** What it was writing, and how many bytes of that the kernel took. */
  readonly unfinished: { readonly batch: Batch<Peer>; readonly taken: number } | undefined
  /** What it had not come to. */
  readonly queued: ReadonlyArray<Batch<Peer>>
}

/**
 * Routes lines between the peers. One fiber drains one `Queue` of events and is the only one that changes the peers; it
 * never waits for any of them.
 */
export interface Broker {
  /** Takes a new connection on; `queue` is that of its outbox. */
  readonly open: (socket: Socket, queue: Queue.Queue<Batch<Peer>>) => Peer
  /** The reader's side: the peer's inlet has something new. */
  readonly read: (peer: Peer) => void
  /** The writer's side: the kernel took the whole batch. */
  readonly wrote: (peer: Peer, batch: Batch<Peer>) => void
  /** The writer's side: the kernel does not take more at present. */
  readonly blocked: (peer: Peer) => void
  /** The writer's side: it takes again. */
  readonly unblocked: (peer: Peer) => void
  /** The writer's side, once a connection: it has ended. The name is free when the broker has seen this. */
  readonly leave: (peer: Peer, departure: Departure) => void
  /** Accepts nothing more, settles what was accepted, and ends every outbox. Returns at once. */
  readonly drain: Effect.Effect<void>
  /** Gives up what the drain has not settled: breaks the connections that still have something to take. */
  readonly cutOff: Effect.Effect<void>
  /** How many pairs `cutOff` has sent back so far. */
  readonly pairsCutOff: () => number
  /** Succeeds when the broker has seen everything that it was told until now. */
  readonly idle: Effect.Effect<void>
  readonly ledger: Ledger
  /** Who is present. The broker is the only one that sets it. */
  readonly members: Ref.Ref<Members>
}

/** Lets everything that is readable in this turn of the event loop be read before anything is routed: each recipient then gets one write. */
const endOfTurn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** How much is routed before the event loop gets its turn, so that nobody waits long behind a flood. */
const turnBytes = 1_048_576

/** For how long the drain answers `! closing` at least, so that lines already under way are refused by word. */
const closingNotice = Duration.millis(50)

export const make = (options: Options): Effect.Effect<Broker, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => clock.unsafeCurrentTimeMillis()
    const inbox = yield* Queue.unbounded<Event>()
    const tell = (event: Event) => {
      inbox.unsafeOffer(event)
    }
    const roster = new Roster()
    const members = yield* Ref.make<Members>({ version: roster.version, byName: roster.byName })
    const ledger = new Ledger()
    const peers = new Set<Peer>()
    const greeted = new Set<Peer>()
    const deadlines = new Deadlines(options)
    /** Bytes routed in this turn. */
    let spent = 0
    let drainingSince: number | undefined = undefined
    let settledAtCut: number | undefined = undefined

    // Logins and commands.

    const login = (peer: Peer, line: string, label: string | undefined) => {
      const name = Name.parse(line)
      if (peer.gone) return // it broke off behind its login: a name is nobody's without a connection
      if (name === undefined) return refuse(peer, Reply.badLogin, label)
      if (!roster.join(peer, name)) return refuse(peer, Reply.loginInUse(name), label)
      peer.head = Reply.messageHead(name)
      deadlines.loggedIn(peer)
      notify(Reply.joined(name), peer)
    }

    /** Refuses a login; the connection ends behind the refusal. */
    const refuse = (peer: Peer, fatal: Reply.Fatal, label: string | undefined) => {
      routing.reply(peer, fatal.line(label))
      peer.leaving = fatal.reason
      finish(peer)
    }

    const otherLine = (peer: Peer, line: string, label: string | undefined) => {
      if (peer.name === "" && line.charCodeAt(0) !== 0x2f /* / */) return login(peer, line, label)
      const parsed = Line.parse(line, options)
      if (parsed._tag === "Mistake") return routing.reply(peer, parsed.reply(label))
      if (parsed._tag === "Command") return command(peer, parsed.name, parsed.argument, label)
    }

    const command = (peer: Peer, name: string, argument: string, label: string | undefined) => {
      switch (name) {
        case "who":
          return Reply.who(roster.present(), label).forEach((line) => routing.reply(peer, line))
        case "ping":
          return routing.reply(peer, Reply.pong(argument, label))
        case "help":
          return Reply.help(label).forEach((line) => routing.reply(peer, line))
        case "hello":
          peer.greeted = true
          greeted.add(peer)
          return routing.reply(peer, Reply.hello({ ...options, name: peer.name === "" ? undefined : peer.name }, label))
        case "quit":
          peer.quitLabel = label
          return leave(peer, "quit")
        default:
          return routing.reply(peer, Reply.unknownCommand(name)(label))
      }
    }

    const routing = new Routing(roster, ledger, options, now, otherLine)

    // Those who said /hello are told who comes and goes. One whose queue is full misses it: a notice is no message.
    const notify = (line: string, about: Peer | undefined) => {
      for (const peer of greeted) if (peer !== about && !peer.outbox.full) routing.reply(peer, line)
    }

    // Input, in its order.

    const read = (peer: Peer) => {
      if (peer.heldBy !== undefined) return
      const { inlet } = peer
      for (let item = inlet.current; item !== undefined; item = inlet.current) {
        if (peer.leaving !== undefined && item._tag !== "Closing") {
          inlet.advance()
          continue
        }
        switch (item._tag) {
          case "Lines":
            spent += item.text.length - inlet.position
            if (!routing.block(peer, item.text, item.clean)) return routing.tell(peer)
            break
          case "TooLong":
            if (!routing.refused(peer, Reply.tooLong(options.maxLineBytes))) return routing.tell(peer)
            break
          case "End":
            leave(peer, item.reason)
            break
          case "Closing":
            peer.closing = true
            break
        }
        inlet.advance()
      }
      routing.tell(peer)
      inlet.consumed()
    }

    /** Its input is over. It still gets what is queued for it, and what becomes of its own lines. */
    const leave = (peer: Peer, reason: CloseReason) => {
      routing.tell(peer)
      peer.leaving = reason
      deadlines.loggedIn(peer)
      if (roster.leave(peer)) notify(Reply.left(peer.name), peer)
      if (peer.inFlight === 0) finish(peer)
    }

    /** Ends its outbox; the writer does the rest. */
    const finish = (peer: Peer) => {
      if (peer.leaving === undefined || peer.outbox.ended !== undefined) return
      if (peer.leaving === "quit" || (peer.leaving === "shutdown" && peer.greeted)) {
        routing.reply(peer, Reply.bye(peer.leaving, peer.quitLabel))
      }
      peer.outbox.end(peer.leaving)
    }

    const settled = (peer: Peer) => {
      if (peer.leaving !== undefined && peer.inFlight === 0) finish(peer)
    }

    /** Goes on with those who waited for an outbox, in their order, until it is full again. */
    const release = (outbox: Outbox<Peer>) => {
      const waiting = outbox.waiting
      outbox.waiting = []
      const still: Array<Peer> = []
      for (const peer of waiting) {
        const ownAndFull = peer.outbox === outbox && outbox.full
        if (ownAndFull || (outbox.full && !outbox.jammed)) {
          still.push(peer)
          continue
        }
        peer.heldBy = undefined
        read(peer)
      }
      // Whoever waits again has been served a little, and stands behind those who have not.
      if (still.length > 0) outbox.waiting = [...still, ...outbox.waiting]
    }

    // The end of a connection.

    const left = (peer: Peer, { queued, reason, unfinished }: Departure) => {
      peers.delete(peer)
      greeted.delete(peer)
      deadlines.forget(peer)
      const wasPresent = roster.leave(peer)
      roster.remove(peer)
      if (wasPresent) notify(Reply.left(peer.name), peer)
      peer.gone = true
      peer.outbox.full = false
      peer.outbox.jammed = false
      const unwritten = [...queued, ...peer.outbox.abandon()]
      if (unfinished !== undefined) {
        const written = unfinished.batch.splitAt(unfinished.taken)
        routing.outcomes(peer, written)
        settle(written)
        unwritten.unshift(unfinished.batch)
      }
      routing.returnAll(peer, unwritten, reason).forEach(settled)
      release(peer.outbox)
      // What was read before the connection broke is accepted, and goes its way without its sender.
      read(peer)
    }

    // Deadlines.

    const tick = (time: number) => {
      for (const peer of deadlines.loginsExpired(time)) refuse(peer, Reply.loginTimeout, undefined)
      for (const peer of deadlines.stalled(time)) breakOff(peer, "slow-consumer")
      for (const peer of deadlines.jammed(time)) release(peer.outbox)
      if (drainingSince !== undefined && time - drainingSince >= Duration.toMillis(closingNotice)) endWhenSettled()
    }

    // The drain.

    const drain = () => {
      drainingSince = now()
      deadlines.draining()
      notify(Reply.serverClosing(Duration.toMillis(options.grace)), undefined)
      for (const peer of peers) {
        peer.inlet.close()
        read(peer)
      }
    }

    /** Ends every outbox once nothing is in flight: returns travel to the senders' outboxes, so these end last. */
    const endWhenSettled = () => {
      if (ledger.snapshot().inFlight > 0) return
      for (const peer of peers) {
        if (peer.outbox.waiting.length > 0 || (!peer.closing && peer.leaving === undefined)) return
      }
      for (const peer of peers) {
        peer.leaving ??= "shutdown"
        finish(peer)
      }
    }

    const pairsSettled = () => ledger.returned + ledger.dead

    const cutOff = () => {
      settledAtCut = pairsSettled()
      for (const peer of peers) if (peer.outbox.lines > 0) breakOff(peer, "cut-off")
    }

    // The fiber.

    const handle = (event: Event) => {
      switch (event._tag) {
        case "Read":
          event.peer.inlet.announced = false
          return read(event.peer)
        case "Room":
          return release(event.peer.outbox)
        case "Settled":
          return settled(event.peer)
        case "Outcomes":
          routing.outcomes(event.peer, event.batch)
          return settle(event.batch)
        case "Left":
          return left(event.peer, event.departure)
        case "Tick":
          return tick(event.now)
        case "Drain":
          return drain()
        case "CutOff":
          return cutOff()
        case "Asked":
          return Deferred.unsafeDone(event.answer, Effect.void)
      }
    }

    const turn = Effect.gen(function* () {
      const first = yield* Queue.take(inbox)
      yield* endOfTurn
      const rest = yield* Queue.takeAll(inbox)
      for (const event of [first, ...rest]) {
        try {
          handle(event)
        } catch (defect) {
          yield* defective(event, defect)
        }
        if (spent < turnBytes) continue
        spent = 0
        routing.flush()
        yield* endOfTurn
      }
      spent = 0
      routing.flush()
      if ((yield* Ref.get(members)).version !== roster.version) {
        yield* Ref.set(members, { version: roster.version, byName: roster.byName })
      }
    })

    /** A defect of ours ends the connection that it showed up at, not the chat. */
    const defective = (event: Event, defect: unknown) =>
      Effect.zipRight(
        Effect.sync(() => {
          if ("peer" in event) breakOff(event.peer, "internal-error")
        }),
        Effect.annotateLogs(Effect.logError("a defect in the broker", Cause.die(defect)), { event: event._tag })
      )

    yield* Effect.forkScoped(Effect.forever(turn))
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.zipRight(
          deadlines.due,
          Effect.map(Clock.currentTimeMillis, (time) => tell({ _tag: "Tick", now: time }))
        )
      )
    )

    // The writer's side.

    /** Books written lines. Runs in the writer's turn; what it finds out beyond that, it tells the broker. */
    const settle = (batch: Batch<Peer>) => {
      ledger.returned += batch.returns
      const { counts, senders } = batch
      for (let run = 0; run < senders.length; run++) {
        const sender = senders[run]
        if (sender === undefined) continue
        const count = counts[run] as number // in range: parallel to the senders
        ledger.written += count
        sender.inFlight -= count
        if (sender.inFlight === 0 && sender.leaving !== undefined) tell({ _tag: "Settled", peer: sender })
      }
    }

    const wrote = (peer: Peer, batch: Batch<Peer>) => {
      peer.linesOut += batch.lines
      peer.bytesOut += batch.text.length
      // An outcome is a line in the sender's outbox, and only the broker puts lines there.
      if (batch.labels === undefined) settle(batch)
      else tell({ _tag: "Outcomes", peer, batch })
      if (peer.outbox.taken(batch)) tell({ _tag: "Room", peer })
    }

    return {
      open: (socket, queue) => {
        const peer = new Peer(
          socket,
          new Outbox(queue, { lines: options.outboxLines, bytes: options.outboxBytes }),
          now(),
          options.maxLineBytes
        )
        peers.add(peer)
        deadlines.opened(peer)
        if (drainingSince !== undefined) peer.inlet.close()
        return peer
      },
      read: (peer) => {
        if (peer.inlet.announced) return
        peer.inlet.announced = true
        tell({ _tag: "Read", peer })
      },
      wrote,
      blocked: (peer) => deadlines.blocked(peer, now()),
      unblocked: (peer) => deadlines.unblocked(peer),
      leave: (peer, departure) => tell({ _tag: "Left", peer, departure }),
      drain: Effect.sync(() => tell({ _tag: "Drain" })),
      cutOff: Effect.sync(() => tell({ _tag: "CutOff" })),
      pairsCutOff: () => (settledAtCut === undefined ? 0 : pairsSettled() - settledAtCut),
      idle: Effect.flatMap(Deferred.make<void>(), (answer) => {
        tell({ _tag: "Asked", answer })
        return Deferred.await(answer)
      }),
      ledger,
      members
    }
  })

const breakOff = (peer: Peer, reason: CloseReason) => {
  peer.outbox.break(reason)
  peer.socket.destroy()
}

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import {
  alone as noOthers,
  type ServerMessage,
  type OtherServer,
  type OtherServersService,
  type OtherServersPart
} from "../ports/OtherServers.js"
import type { StoreError } from "../ports/StoreError.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { StoreSharing } from "../ports/StoreSharing.js"

/** Lines in devices' outboxes: all those after `after`. */
export type Held = ReadonlyArray<{ readonly conversation: ConversationId; readonly after: number }>

/** The lines in devices' outboxes. If several devices receive one conversation, the slowest counts. */
export const slowest = (outboxes: Iterable<Held>): Held => {
  const slowest = new Map<ConversationId, number>()
  for (const held of outboxes) {
    for (const { after, conversation } of held) {
      slowest.set(conversation, Math.min(after, slowest.get(conversation) ?? after))
    }
  }
  return Array.from(slowest, ([conversation, after]) => ({ conversation, after }))
}

interface Collaborators {
  readonly others: OtherServersService
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /** Runs `step` while no line passes from the store to an outbox of this server. */
  readonly alone: <A, E>(step: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** In the broker's turn: the lines in the outboxes of this server. */
  readonly held: () => Held
  /** Undefined if no other server uses the store. */
  readonly sharing: Pick<StoreSharing, "goOn" | "latest"> | undefined
  /** Reports a failure, and waits. */
  readonly failed: (error: StoreError) => Effect.Effect<void>
}

/** A request of another server to pause. */
interface Hold {
  readonly number: number
  /** Opens once that server is done or lost. */
  readonly done: Effect.Latch
  isDone: boolean
  /** That server may have begun. */
  isAnswered: boolean
}

/** How long the other servers may take to pause. If one takes longer, this removal is skipped. */
const answerTime = Duration.seconds(3)

/** The longest pause of a server. It ends earlier if the server that asked for it is lost. */
const holdTime = Duration.seconds(30)

/** Most conversations in one message. */
const maxConversations = 1_000

/** This server's own request, and the answers to it. */
interface Asked {
  readonly number: number
  readonly missing: Set<OtherServer>
  readonly held: Array<Held[number]>
  readonly answered: Effect.Latch
}

/**
 * Pauses all servers while one of them removes expired lines. Otherwise a line could be both removed and delivered. The
 * others report the lines in their outboxes, which are not removed.
 */
export class Holding {
  private number = 0
  private asked: Asked | undefined = undefined
  /** The servers for which this one is paused or is about to pause. */
  private readonly holds = new Map<OtherServer, Hold>()
  private readonly wanted: Array<Effect.Effect<void>> = []
  private readonly isWanted = Effect.unsafeMakeLatch(false)
  private readonly part: OtherServersPart

  constructor(private readonly broker: Collaborators) {
    this.part = broker.others.part("retention", {
      appeared: (server) => this.appeared(server),
      received: (server, message) => this.received(server, message),
      lost: (server) => this.lost(server)
    })
    broker.others.beforeResuming(this.goOn)
  }

  /**
   * Invalidates removals that another server has begun while it believed that this one was paused or lost. Retried only
   * while the store does not answer: on a full or damaged disk, no server removes anything.
   */
  private readonly goOn: Effect.Effect<void> = Effect.suspend(() => {
    const { failed, sharing } = this.broker
    return Effect.catchAll(sharing?.goOn ?? Effect.void, (error) =>
      error.reason === "unavailable" ? Effect.zipRight(failed(error), this.goOn) : Effect.void
    )
  })

  /** Pauses for other servers, one after the other, forever. */
  get run(): Effect.Effect<never> {
    const next = Effect.suspend(() => {
      const hold = this.wanted.shift()
      if (hold !== undefined) return hold
      this.isWanted.unsafeClose()
      return Effect.void
    })
    return Effect.forever(Effect.zipRight(this.isWanted.await, next))
  }

  /**
   * Pauses all servers, and runs `step` with the lines in their outboxes. Does nothing if a server does not answer in
   * time.
   */
  during<E>(
    step: (held: Held, since: number | undefined) => Effect.Effect<void, E>
  ): Effect.Effect<void, E | StoreError> {
    const { alone, held, inTurn, others, sharing } = this.broker
    if (others === noOthers || sharing === undefined) {
      return alone(Effect.flatMap(inTurn(held), (held) => step(held, undefined)))
    }
    return Effect.flatMap(sharing.latest, (since) => this.asking((held) => step(held, since)))
  }

  private asking<E>(step: (held: Held) => Effect.Effect<void, E>): Effect.Effect<void, E> {
    const { inTurn } = this.broker
    return Effect.acquireUseRelease(
      inTurn(() => this.ask()),
      (asked) => this.once(asked, step),
      (asked) =>
        inTurn(() => {
          this.asked = undefined
          this.part.send(["done", asked.number], undefined, "hold")
        })
    )
  }

  /** Runs the step once all servers have answered, including those that appear before it begins. */
  private once<E>(asked: Asked, step: (held: Held) => Effect.Effect<void, E>): Effect.Effect<void, E> {
    const { alone, held, inTurn, others } = this.broker
    const isDone = alone(
      others.during(() =>
        asked.missing.size > 0
          ? Effect.succeed(false)
          : Effect.as(
              Effect.flatMap(inTurn(held), (own) => step(slowest([own, asked.held]))),
              true
            )
      )
    )
    return Effect.flatMap(Effect.timeoutOption(asked.answered.await, answerTime), (answered) => {
      if (answered._tag === "None") return Effect.void
      return Effect.flatMap(isDone, (isDone) => (isDone ? Effect.void : this.once(asked, step)))
    })
  }

  private ask(): Asked {
    const missing = new Set(this.broker.others.all)
    const answered = Effect.unsafeMakeLatch(missing.size === 0)
    this.number += 1
    this.asked = { number: this.number, missing, held: [], answered }
    this.part.send(["hold", this.number], undefined, "hold")
    return this.asked
  }

  /** The server may have been presumed lost a moment ago, so it may have lines in its outboxes. */
  private appeared(server: OtherServer) {
    const { asked } = this
    if (asked === undefined) return
    asked.missing.add(server)
    asked.answered.unsafeClose()
    this.part.send(["hold", asked.number], server, "hold")
  }

  private received(server: OtherServer, message: ServerMessage) {
    const [what, number, held, isLast] = message as unknown as readonly [
      string,
      number,
      Array<[ConversationId, number]>,
      boolean
    ]
    if (what === "hold") this.hold(server, number)
    else if (what === "done") this.done(server, number)
    else if (what === "held" && this.asked?.number === number) {
      for (const [conversation, after] of held) this.asked.held.push({ conversation, after })
      if (isLast) this.answered(server)
    }
  }

  private answered(server: OtherServer) {
    if (this.asked?.missing.delete(server) === true && this.asked.missing.size === 0) this.asked.answered.unsafeOpen()
  }

  private hold(server: OtherServer, number: number) {
    const done = Effect.unsafeMakeLatch(false)
    const hold: Hold = { number, done, isDone: false, isAnswered: false }
    const before = this.holds.get(server)
    if (before !== undefined) this.end(before) // the message that it was done was dropped
    this.holds.set(server, hold)
    const { alone, inTurn } = this.broker
    const isOver = () => this.holds.get(server)?.number !== number
    const answer = inTurn(() => {
      if (isOver()) return
      hold.isAnswered = true
      this.answer(server, number)
    })
    const wait = Effect.suspend(() => (isOver() ? Effect.void : Effect.timeoutOption(done.await, holdTime)))
    const goOn = Effect.suspend(() => (hold.isDone || !hold.isAnswered ? Effect.void : this.goOn))
    this.wanted.push(alone(Effect.zipRight(Effect.zipRight(answer, wait), goOn)))
    this.isWanted.unsafeOpen()
  }

  private answer(server: OtherServer, number: number) {
    const held = Array.from(this.broker.held(), ({ after, conversation }) => [conversation, after])
    for (let from = 0; from === 0 || from < held.length; from += maxConversations) {
      const end = from + maxConversations
      this.part.send(["held", number, held.slice(from, end), end >= held.length], server, `held ${from}`)
    }
  }

  private done(server: OtherServer, number: number) {
    const hold = this.holds.get(server)
    if (hold?.number !== number) return
    this.holds.delete(server)
    this.end(hold)
  }

  private end(hold: Hold) {
    hold.isDone = true
    hold.done.unsafeOpen()
  }

  private lost(server: OtherServer) {
    this.answered(server)
    this.holds.get(server)?.done.unsafeOpen()
    this.holds.delete(server)
  }
}

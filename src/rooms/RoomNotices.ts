import * as Effect from "effect/Effect"
import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import type { Feed } from "../conversations/Feed.js"
import type { Room } from "./Room.js"

/** After notices were sent, further ones are collected for this long, like all notices. */
const collectMillis = 100

/** The most notices that a room sends at once. In a crowd, further joins and departures are not announced. */
const mostAtOnce = 1_000

/** How many members get notices in one turn of the broker. */
const membersAtOnce = 256

interface Notice {
  readonly line: string
  /** The client that caused the notice, which has its reply instead. */
  readonly by: Peer | undefined
}

/** The notices that will be sent to a room. */
interface Collected {
  readonly notices: Array<Notice>
  /** For clients that came in the meantime: how many of the notices are older. */
  readonly before: Map<Peer, number>
}

/** Notices that are being sent to a room, and the members that are still to get them. */
interface Sending extends Collected {
  readonly text: string
  /** The clients that caused notices, and get fewer of them. */
  readonly doers: ReadonlySet<Peer | undefined>
  readonly to: Iterator<Feed>
}

/** Notices about a room, for its members that sent `/hello` (protocol, section 11). Many at a time become one write. */
export class RoomNotices {
  private readonly collected = new Map<Room, Collected>()
  private sending: Sending | undefined = undefined
  private hasSent = false
  private readonly hasNotices = Effect.unsafeMakeLatch(false)

  constructor(private readonly broker: Pick<FeatureContext, "inTurn" | "put">) {}

  /** In the broker's turn: sends a line to the members of a room that are present. */
  tell(room: Room, line: string, by?: Peer) {
    const known = this.collected.get(room)
    if (known === undefined) this.collected.set(room, { notices: [{ line, by }], before: new Map() })
    else known.notices.push({ line, by })
    this.hasNotices.unsafeOpen()
  }

  /** The same for a member that enters or leaves. In a large crowd, some are not announced. */
  tellPresence(room: Room, line: string, by?: Peer) {
    if ((this.collected.get(room)?.notices.length ?? 0) < mostAtOnce) this.tell(room, line, by)
  }

  /**
   * In the broker's turn: a client is present in a room from now on. It gets no earlier notices: above all not of its
   * own departure, if it left and came back within `collectMillis`.
   */
  present(room: Room, peer: Peer) {
    const known = this.collected.get(room)
    known?.before.set(peer, known.notices.length)
  }

  get run(): Effect.Effect<never> {
    const send: Effect.Effect<void> = Effect.flatMap(
      this.broker.inTurn(() => this.sendSome()),
      (isDone) => (isDone ? Effect.void : send)
    )
    const collect = Effect.suspend(() => {
      if (!this.hasSent) return Effect.void
      this.hasSent = false
      return Effect.sleep(collectMillis)
    })
    return Effect.forever(this.hasNotices.await.pipe(Effect.zipRight(send), Effect.zipRight(collect)))
  }

  /** Returns whether all notices are sent. */
  private sendSome(): boolean {
    for (let left = membersAtOnce; left > 0; left--) {
      this.sending ??= this.next()
      if (this.sending === undefined) {
        this.hasNotices.unsafeClose()
        return true
      }
      const { done, value } = this.sending.to.next()
      if (done === true) this.sending = undefined
      else this.give(value.peer, this.sending)
    }
    return false
  }

  private next(): Sending | undefined {
    for (const [room, collected] of this.collected) {
      this.collected.delete(room)
      const { notices } = collected
      const text = notices.map(({ line }) => line).join("")
      const doers = new Set(notices.map(({ by }) => by))
      return { ...collected, text, doers, to: new Set(room.feeds).values() }
    }
    return undefined
  }

  /** A client whose queue is full misses notices. Unlike messages, they may be lost. */
  private give(peer: Peer, { before, doers, notices, text }: Sending) {
    if (!peer.hasGreeted || peer.outbox.isQueueFull) return
    const since = before.get(peer) ?? 0
    const isAll = since === 0 && !doers.has(peer)
    const others = isAll ? notices : notices.filter(({ by }, index) => index >= since && by !== peer)
    if (others.length === 0) return
    this.broker.put(peer, isAll ? text : others.map(({ line }) => line).join(""), others.length)
    this.hasSent = true
  }
}

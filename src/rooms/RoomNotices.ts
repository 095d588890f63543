import * as Effect from "effect/Effect"
import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import type { Feed } from "../conversations/Feed.js"
import type { Room } from "./Room.js"

/** How long further notices are collected after some were sent, as other notices are. */
const collectMillis = 100

/** The notices of a room that are sent at once. In a crowd, who comes and goes beyond that is not announced. */
const mostAtOnce = 1_000

/** The members that get notices in one turn of the broker. */
const membersAtOnce = 256

interface Notice {
  readonly line: string
  /** The client that did it, which has its answer. */
  readonly by: Peer | undefined
}

/** What is sent to a room, and the members that have not got it yet. */
interface Sending {
  readonly room: Room
  readonly notices: ReadonlyArray<Notice>
  readonly text: string
  /** The clients that get fewer, because they have done something themselves. */
  readonly doers: ReadonlySet<Peer | undefined>
  readonly to: Iterator<Feed>
}

/** Notices about a room, for its members that sent `/hello` (protocol, section 11). Many at a time become one write. */
export class RoomNotices {
  private readonly collected = new Map<Room, Array<Notice>>()
  private sending: Sending | undefined = undefined
  private hasSent = false
  private readonly hasNotices = Effect.unsafeMakeLatch(false)

  constructor(private readonly broker: Pick<FeatureContext, "inTurn" | "put">) {}

  /** In the broker's turn: sends a line to the members of a room that are present. */
  tell(room: Room, line: string, by?: Peer) {
    const notices = this.collected.get(room)
    if (notices === undefined) this.collected.set(room, [{ line, by }])
    else notices.push({ line, by })
    this.hasNotices.unsafeOpen()
  }

  /** The same for somebody who comes or goes. In a large crowd, some are not announced. */
  tellPresence(room: Room, line: string, by?: Peer) {
    if ((this.collected.get(room)?.length ?? 0) < mostAtOnce) this.tell(room, line, by)
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

  /** Returns whether everything is sent. */
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
    for (const [room, notices] of this.collected) {
      this.collected.delete(room)
      const text = notices.map(({ line }) => line).join("")
      const doers = new Set(notices.map(({ by }) => by))
      return { room, notices, text, doers, to: new Set(room.feeds).values() }
    }
    return undefined
  }

  /** A client whose queue is full misses notices: they are not messages. */
  private give(peer: Peer, { doers, notices, text }: Sending) {
    if (!peer.hasGreeted || peer.outbox.isQueueFull) return
    const others = doers.has(peer) ? notices.filter(({ by }) => by !== peer) : notices
    if (others.length === 0) return
    this.broker.put(peer, others === notices ? text : others.map(({ line }) => line).join(""), others.length)
    this.hasSent = true
  }
}

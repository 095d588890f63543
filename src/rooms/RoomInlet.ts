import * as Effect from "effect/Effect"
import type { Batch } from "../chat/Batch.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import type { Outbox } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import {
  storedLine,
  storeWriter,
  type KeptLine,
  type KeptRecipient,
  type InletLine
} from "../conversations/KeptRecipient.js"
import * as LineHead from "../conversations/LineHead.js"
import type { RoomsHost } from "../conversations/RoomsFeature.js"
import { RoomRun } from "../conversations/RoomRun.js"
import { authorOf } from "../conversations/InletLines.js"
import { ofRoom, type NewLine } from "../ports/StoreLines.js"
import type { Room } from "./Room.js"

interface Waiter {
  /** How many lines must be settled. */
  readonly until: number
  readonly latch: Effect.Latch
}

/** The outbox for lines to a room, whose writer is the store. */
export class RoomInlet implements KeptRecipient {
  readonly goneReason = "no-room"
  readonly outbox: Outbox<Peer>
  /** How many lines have been settled since the room was loaded. */
  private settledLines = 0
  private waiters: ReadonlyArray<Waiter> = []
  private isOver = false

  constructor(
    private readonly room: Room,
    private readonly host: Pick<RoomsHost, "announce" | "broker" | "give" | "take">,
    /** The outcome of a line that this sender may not write; undefined if it may. */
    private readonly refusal: (sender: Peer, room: Room) => LineOutcome | undefined
  ) {
    this.outbox = host.broker.outbox(room.name, storeWriter)
    this.outbox.form = LineHead.form
    this.await()
  }

  newLine(sent: InletLine): NewLine | LineOutcome {
    const { room } = this
    return this.refusal(sent.sender, room) ?? { conversation: ofRoom(room.id), ...authorOf(sent), isLive: true }
  }

  stored(lines: ReadonlyArray<KeptLine>) {
    const { host, room } = this
    const fresh = lines.filter(({ answer }) => !answer.again)
    if (fresh.length === 0) return
    const run = new RoomRun(
      room.id,
      fresh.map(storedLine),
      fresh.map(({ by }) => by)
    )
    room.last = Math.max(room.last, run.last)
    for (const feed of room.feeds) host.give(feed, run)
    host.announce(room.id, run.last)
  }

  settled(batch: Batch<Peer>, outcomes: ReadonlyArray<LineOutcome>) {
    this.settledLines += batch.lines
    this.host.broker.settledEach(this.outbox, batch, outcomes)
    for (const { latch, until } of this.waiters) if (until <= this.settledLines) latch.unsafeOpen()
    this.waiters = this.waiters.filter(({ until }) => until > this.settledLines)
    this.await()
    this.discardIfOver()
  }

  stuck() {
    const { host, outbox } = this
    this.settledLines += outbox.lines - (outbox.inHand?.lines ?? 0)
    host.broker.stuck(outbox)
  }

  /** Waits until the fates of all lines that are in the inlet now are decided. */
  get flushed(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { lines } = this.outbox
      if (lines === 0) return Effect.void
      const waiter = { until: this.settledLines + lines, latch: Effect.unsafeMakeLatch(false) }
      this.waiters = [...this.waiters, waiter]
      return waiter.latch.await
    })
  }

  /** The room has ended, and its name no longer leads here. */
  end() {
    this.isOver = true
    this.discardIfOver()
  }

  private discardIfOver() {
    if (this.isOver && this.outbox.isEmpty && !this.outbox.hasWaiting) this.host.broker.discard(this.outbox)
  }

  private await() {
    this.outbox.onBatch((batch) => this.host.take(this, batch))
  }
}

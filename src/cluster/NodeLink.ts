import type { LinkNumbers } from "../telemetry/ClusterMetrics.js"
import * as Frame from "./Frame.js"

/** What a link does in the world. */
export interface NodeLinkActions<Content> {
  /** Drops the frame if the engine cannot be reached. */
  readonly transmit: (frame: Uint8Array) => void
  readonly received: (content: Content) => void
  readonly hasRoom: () => void
  /** Something is to be acknowledged: calls `acknowledge` after `acknowledgeAfter`. */
  readonly owesAck: () => void
  /**
   * The unacknowledged bytes are nearly as many as the other node may send: calls `acknowledge` in the next turn.
   */
  readonly owesMuch: () => void
  /** What was sent in this frame has arrived; neither this node nor the engine reads it any more. */
  readonly arrived: (frame: Uint8Array) => void
}

export interface NodeLinkOptions {
  /** The incarnations of this node and of the other one. */
  readonly self: string
  readonly other: string
  /** With this number of unacknowledged bytes, the next content has to wait. */
  readonly windowBytes: number
  readonly now: () => number
}

interface Sent {
  readonly number: number
  readonly frame: Uint8Array
  /** It is unknown which of the copies has arrived: the first one may still be on its way out. */
  wasRepeated: boolean
}

/** A frame of the other node. */
export interface ReceivedFrame<Content> {
  readonly header: Frame.Header
  /** Undefined if the frame has none. */
  readonly content: Content | undefined
  /** Of the whole frame. */
  readonly bytes: number
}

/**
 * How long an acknowledgement waits for a content that takes it along, in milliseconds: nearly always the report of
 * what became of the lines. Far below `probeAfter`.
 */
export const acknowledgeAfter = 10

/** The part of the window after which an acknowledgement does not wait: the other node would soon have to. */
const promptPart = 1 / 8

/** No content is asked for again before, in milliseconds: those asked for are on their way. */
const resumeEvery = 50

/** The silence after which a link with something unacknowledged asks, in milliseconds. */
export const probeAfter = 500

/**
 * The contents between this incarnation of this node and one of another node, over frames that may be lost, come twice
 * or in another order. Contents are numbered in each direction. The receiver takes them in order, drops what it has
 * already and asks for what is missing; the sender keeps each until it is acknowledged.
 */
export class NodeLink<Content> {
  /** The number of the last content that was sent. */
  private last = 0
  /** The number of the last content that the other node has acknowledged. */
  private acknowledged = 0
  /** The number of the last content that was taken from the other node. */
  private taken = 0
  /** Contents that came before an earlier one, by number. The window of the other node bounds them. */
  private readonly early = new Map<number, ReceivedFrame<Content>>()
  private readonly unacknowledged: Array<Sent> = []
  private bytes = 0
  private wantsRoom = false
  private askedAt = -Infinity
  /** When the other node last acknowledged something new. */
  private movedAt = -Infinity
  /** While this node is suspended, it says nothing. */
  private isSilent = false
  private isOwing = false
  /** `acknowledge` follows in the next turn. */
  private isPrompt = false
  /** The bytes that were taken since this node last said what it has. */
  private owedBytes = 0
  /** How many frames were sent again, and how many came twice or too early. */
  readonly counts = { resent: 0, repeated: 0, gaps: 0 }

  constructor(
    private readonly options: NodeLinkOptions,
    private readonly actions: NodeLinkActions<Content>
  ) {}

  /** The bytes that are not acknowledged. */
  get inFlight(): number {
    return this.bytes
  }

  get numbers(): LinkNumbers {
    return { sent: this.last, acknowledged: this.acknowledged, taken: this.taken, early: this.early.size }
  }

  /** False if the window is used up: `hasRoom` follows. */
  send(content: Uint8Array): boolean {
    if (this.bytes >= this.options.windowBytes) {
      this.wantsRoom = true
      return false
    }
    if (this.unacknowledged.length === 0) this.movedAt = this.options.now()
    this.last += 1
    const sent = { number: this.last, frame: content, wasRepeated: false }
    this.unacknowledged.push(sent)
    this.bytes += content.length
    this.transmit(sent)
    return true
  }

  private transmit({ frame, number }: Sent) {
    if (this.isSilent) return
    Frame.write(frame, { ...this.header(Frame.Kind.content), number })
    this.isOwing = false
    this.owedBytes = 0
    this.actions.transmit(frame)
  }

  private header(kind: Frame.Kind): Frame.Header {
    return { kind, from: this.options.self, to: this.options.other, number: 0, ack: this.taken }
  }

  private say(kind: Frame.Kind, number = 0) {
    if (!this.isSilent) this.actions.transmit(Frame.make({ ...this.header(kind), number }))
  }

  /** Sends an acknowledgement, unless a content took it along. */
  acknowledge() {
    this.isPrompt = false
    if (!this.isOwing) return
    this.isOwing = false
    this.owedBytes = 0
    this.say(Frame.Kind.ack)
  }

  /** A frame of the other node to this one. */
  take(received: ReceivedFrame<Content>) {
    const { ack, kind, number } = received.header
    this.settle(ack)
    if (kind === Frame.Kind.content) this.takeContent(number, received)
    else if (kind === Frame.Kind.resume) this.resend(number)
    else if (kind === Frame.Kind.probe) {
      if (number > this.taken) this.ask()
      else this.owe()
    }
  }

  private settle(ack: number) {
    if (ack <= this.acknowledged) return
    this.acknowledged = ack
    this.movedAt = this.options.now()
    let count = 0
    for (const { frame, number, wasRepeated } of this.unacknowledged) {
      if (number > ack) break
      this.bytes -= frame.length
      if (!wasRepeated) this.actions.arrived(frame)
      count += 1
    }
    this.unacknowledged.splice(0, count)
    if (!this.wantsRoom || this.bytes >= this.options.windowBytes) return
    this.wantsRoom = false
    this.actions.hasRoom()
  }

  private takeContent(number: number, received: ReceivedFrame<Content>) {
    if (number <= this.taken || this.early.has(number)) {
      this.counts.repeated += 1
      return this.owe() // the acknowledgement was lost
    }
    this.early.set(number, received)
    if (number > this.taken + 1) {
      this.counts.gaps += 1
      return this.ask()
    }
    for (let next = this.early.get(number); next !== undefined; next = this.early.get(this.taken + 1)) {
      this.early.delete(this.taken + 1)
      if (next.content !== undefined) this.actions.received(next.content)
      this.taken += 1
      this.owedBytes += next.bytes
    }
    this.owe()
    if (this.owedBytes < this.options.windowBytes * promptPart || this.isPrompt) return
    this.isPrompt = true
    this.actions.owesMuch() // a content at the end of this turn nearly always takes the acknowledgement along
  }

  private owe() {
    if (this.isOwing) return
    this.isOwing = true
    this.actions.owesAck()
  }

  private ask() {
    const now = this.options.now()
    if (now - this.askedAt < resumeEvery) return
    this.askForMissing(now)
  }

  private askForMissing(now: number) {
    this.askedAt = now
    let end = 0
    for (const number of this.early.keys()) if (end === 0 || number < end) end = number
    this.say(Frame.Kind.resume, end)
  }

  /** @param end the number of the first content that the other node has already; 0: it has none of them */
  private resend(end: number) {
    for (const sent of this.unacknowledged) {
      if (end > 0 && sent.number >= end) return
      this.counts.resent += 1
      sent.wasRepeated = true
      // A copy: the first one may still be on its way out.
      this.transmit({ ...sent, frame: Frame.copy(sent.frame) })
    }
  }

  /** Frames may have been lost in both directions: the engine can be reached again, or this node writes again. */
  recover() {
    this.isSilent = false
    this.askForMissing(this.options.now())
    if (this.unacknowledged.length > 0) this.probe()
  }

  /** This node is suspended: it says nothing until `recover`. */
  silence() {
    this.isSilent = true
  }

  /** Asks for what is missing, and whether something is missing there. */
  tick() {
    if (this.early.size > 0) this.ask()
    if (this.unacknowledged.length > 0 && this.options.now() - this.movedAt >= probeAfter) this.probe()
  }

  /** Asks which contents have arrived. */
  private probe() {
    this.movedAt = this.options.now()
    this.say(Frame.Kind.probe, this.last)
  }
}

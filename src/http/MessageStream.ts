import type { ServerResponse } from "node:http"
import * as EventStream from "./EventStream.js"

/**
 * One stream of server-sent events, over all its responses.
 *
 * A line counts as received when its client shows that it has it: when it connects again and says the id of the last
 * event (`Last-Event-ID`), as every EventSource does by itself. So that this happens soon, the response ends within a
 * second of the first event that it has not shown; the chat keeps the connection meanwhile. A client that does not come
 * back has not received the events, and each of them goes the way of an unacknowledged line (protocol, section 4).
 */

/**
 * The longest time that a response continues after the first event that the client has not shown to have, in
 * milliseconds. Half of it is random: otherwise the clients in a room would all come back in the same moment.
 */
export const acknowledgeMillis = 1000

/** This number of such events, or of characters in them, ends a response at once. */
const maxUnshown = 1000
const maxUnshownChars = 262_144

/** When a client comes back that was asked to by the end of its response, and after any other end, in milliseconds. */
const returnMillis = 50
const reconnectMillis = 2000

/** How long the chat keeps the connection of a client that does not come back, in milliseconds. */
export const absenceMillis = 10_000

/** After this time without its client, a stream makes room for another one, in milliseconds. */
export const makesRoomMillis = 1000

/** A comment at this interval keeps proxies from closing a quiet stream, and finds out that a client has gone. */
const heartbeatMillis = 15_000

/** What a stream does to its connection to the chat. */
export interface StreamConnection {
  readonly pause: () => void
  readonly resume: () => void
  readonly acknowledge: (messages: number) => void
  readonly break: () => void
}

export class MessageStream {
  /**
   * The events that the client has not shown to have. Hundreds of streams have the same ones, and their texts with an
   * id are made when they are written: kept here, each would live just long enough to be moved to the old generation,
   * which V8 would then have to collect twice a second, for a twentieth of a second each time (benchmark: streams,
   * bystander).
   */
  private readonly unshown: Array<EventStream.StreamEvent> = []
  private unshownChars = 0
  /** The number of the last event that the client has shown to have, and the messages up to it. */
  private shownNumber = 0
  private shownMessages = 0
  private response: ServerResponse | undefined = undefined
  private acknowledging: NodeJS.Timeout | undefined = undefined
  private heartbeat: NodeJS.Timeout | undefined = undefined
  private absence: NodeJS.Timeout | undefined = undefined
  /** When the last response ended, by the monotonic clock. */
  private leftAt = Infinity
  /** Whether nothing more comes from the chat. */
  private hasEnded = false
  /** Whether the client should not come back. */
  isFinal = false

  /**
   * @param id which only the client of this stream knows
   * @param gone called when the client has not come back in time
   */
  constructor(
    readonly id: string,
    private readonly connection: StreamConnection,
    private readonly gone: () => void
  ) {}

  /** Whether nothing more comes, and the client has shown that it has all events. */
  get isOver(): boolean {
    return this.hasEnded && this.unshown.length === 0
  }

  /** How long its client has been away, in milliseconds; negative while it is there. */
  get awayMillis(): number {
    return performance.now() - this.leftAt
  }

  /** The client has all events up to this number. */
  shown(number: number): void {
    const { shownMessages } = this
    const events = this.unshown.splice(0, Math.max(0, number - this.shownNumber))
    this.shownNumber += events.length
    for (const event of events) {
      this.unshownChars -= event.fields.length
      if (event.isCounted) this.shownMessages += 1
    }
    if (this.shownMessages > shownMessages) this.connection.acknowledge(this.shownMessages)
  }

  /** Sends the events on this response from now on, those first that the client has not shown to have. */
  attach(response: ServerResponse): void {
    this.detach()
    clearTimeout(this.absence)
    this.leftAt = Infinity
    this.response = response
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      // nginx would collect events in its buffer.
      "x-accel-buffering": "no"
    })
    response.on("close", () => this.left(response))
    response.on("drain", () => {
      if (this.response === response) this.connection.resume()
    })
    this.write(`retry: ${reconnectMillis}\n\n${this.textFrom(0)}`)
    this.connection.resume()
    this.heartbeat = setInterval(() => this.write(":\n\n"), heartbeatMillis)
    if (this.unshown.length > 0) this.awaitReturn()
    if (this.hasEnded) this.finish()
  }

  /** Lines in wire form have come. */
  take(lines: ReadonlyArray<string>): void {
    const arrival = new Date()
    const before = this.unshown.length
    for (const line of lines) {
      const event = EventStream.of(line, arrival)
      if (event === undefined) continue
      this.unshown.push(event)
      this.unshownChars += event.fields.length
      if (event.isFinal) this.isFinal = true
    }
    if (this.unshown.length === before) return
    this.write(this.textFrom(before))
    if (this.response !== undefined) this.awaitReturn()
    if (this.unshownChars > maxUnshownChars) this.connection.pause()
  }

  /** The connection to the chat has ended. */
  end(): void {
    this.hasEnded = true
    this.finish()
  }

  /** Ends the response and breaks the connection: the server stops, or the client may not come back. */
  close(): void {
    this.end()
    clearTimeout(this.absence)
    this.connection.break()
  }

  /** The events with their ids, from a place among those that the client has not shown to have. */
  private textFrom(place: number) {
    let text = ""
    for (let at = place; at < this.unshown.length; at++) {
      text += `id: ${this.id}.${this.shownNumber + at + 1}\n${this.unshown[at]?.fields}\n`
    }
    return text
  }

  private write(text: string) {
    const { response } = this
    if (response === undefined) return
    if (!response.write(text)) this.connection.pause()
  }

  /** The client has an event to show. */
  private awaitReturn() {
    if (this.unshown.length >= maxUnshown || this.unshownChars > maxUnshownChars) return this.finish(returnMillis)
    const millis = acknowledgeMillis * (0.5 + Math.random() / 2)
    this.acknowledging ??= setTimeout(() => this.finish(returnMillis), millis)
  }

  /** Ends the response. The client comes back by itself, and shows what it has. */
  private finish(retryMillis?: number) {
    const { response } = this
    if (response === undefined) return
    if (retryMillis !== undefined) response.write(`retry: ${retryMillis}\n\n`)
    this.left(response)
    response.end()
  }

  private left(response: ServerResponse) {
    if (this.response !== response) return
    this.detach()
    this.leftAt = performance.now()
    this.absence = setTimeout(() => {
      this.connection.break()
      this.gone()
    }, absenceMillis)
  }

  private detach() {
    clearInterval(this.heartbeat)
    clearTimeout(this.acknowledging)
    this.acknowledging = undefined
    this.response?.end()
    this.response = undefined
  }
}

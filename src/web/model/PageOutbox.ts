import { randomText } from "../../client/Labels.js"
import { fieldsOf, type TextMemory, stringIn } from "./Ports.js"
import { SavedList } from "./SavedList.js"

/** What the user has written, until the server has said what became of it. */
export interface OutboxLine {
  /** The server stores the line once, however often it is sent with this label (`once`). */
  readonly label: string
  readonly to: string
  readonly text: string
  /** When it was written, in milliseconds since 1970. */
  readonly at: number
  /** `unknown`: it was sent, and the connection broke before its outcome came. */
  readonly state: "waiting" | "failed" | "unknown"
  /** Whether it was sent, on this connection or an earlier one. */
  readonly wasSent: boolean
  /** Why it was not delivered. */
  readonly why?: string | undefined
}

/** More wait for no server: the page says so instead. */
export const maxOutboxLines = 1_000

/** The lines that are on their way at once, where the server does not limit the rate. */
const window = 32

const parseLine = (value: unknown): OutboxLine | undefined => {
  const { at, label, state, text, to, wasSent, why } = fieldsOf(value)
  if (typeof label !== "string" || typeof to !== "string" || typeof text !== "string") return undefined
  return {
    label,
    to,
    text,
    at: typeof at === "number" ? at : 0,
    state: state === "failed" || state === "unknown" ? state : "waiting",
    wasSent: wasSent === true,
    why: stringIn(why)
  }
}

/**
 * The lines that wait for the server, in the browser's memory: they outlive the connection, the page and the browser.
 * They are sent in their order, a few at once. A line that was sent on a connection that broke is sent again with the
 * same label, where the server stores it only once; otherwise the user decides.
 */
export class PageOutbox {
  private readonly saved: SavedList<OutboxLine>
  /** The labels of the lines that were sent on this connection and have no outcome. */
  private readonly underWay = new Set<string>()
  private readonly prefix = randomText()
  private made = 0

  constructor(memory: TextMemory, key: string) {
    this.saved = new SavedList(memory, key, parseLine)
  }

  get all(): ReadonlyArray<OutboxLine> {
    return this.saved.all
  }

  find(label: string): OutboxLine | undefined {
    return this.all.find((line) => line.label === label)
  }

  get isFull(): boolean {
    return this.all.length >= maxOutboxLines
  }

  /** Whether the outcome of a line of an earlier connection is still to come. */
  isSettling(conversation: string): boolean {
    return this.all.some(({ state, to, wasSent }) => to === conversation && state === "waiting" && wasSent)
  }

  /** @param why if the line cannot be sent */
  add(to: string, text: string, at: number, why?: string): OutboxLine {
    this.made += 1
    const label = `${this.prefix}.${this.made}`
    const line: OutboxLine = {
      label,
      to,
      text,
      at,
      state: why === undefined ? "waiting" : "failed",
      wasSent: false,
      why
    }
    this.saved.set([...this.all, line])
    return line
  }

  /** The lines to send now. */
  take(isPaced: boolean): ReadonlyArray<OutboxLine> {
    const room = (isPaced ? 1 : window) - this.underWay.size
    const taken = this.all
      .filter(({ label, state }) => state === "waiting" && !this.underWay.has(label))
      .slice(0, Math.max(0, room))
    for (const { label } of taken) this.underWay.add(label)
    if (taken.some(({ wasSent }) => !wasSent)) {
      this.update((line) => (this.underWay.has(line.label) ? { ...line, wasSent: true } : line))
    }
    return taken
  }

  /** The server takes lines more slowly: this one was not accepted. */
  postpone(label: string): void {
    this.underWay.delete(label)
  }

  /** The line has reached its recipient, or the user gives it up. Returns it. */
  remove(label: string): OutboxLine | undefined {
    const found = this.find(label)
    this.underWay.delete(label)
    if (found !== undefined) this.saved.set(this.all.filter((line) => line.label !== label))
    return found
  }

  fail(label: string, why: string): OutboxLine | undefined {
    this.underWay.delete(label)
    this.update((line) => (line.label === label ? { ...line, state: "failed", why } : line))
    return this.find(label)
  }

  /** Sends a line again that has failed, as a new one at the end. */
  again(label: string, at: number): OutboxLine | undefined {
    const line = this.remove(label)
    return line === undefined ? undefined : this.add(line.to, line.text, at)
  }

  /** The connection has ended: what is under way may have arrived. */
  disconnected(): void {
    this.underWay.clear()
  }

  /**
   * A new connection: lines that were sent before are sent again only where the server drops what comes twice.
   *
   * @param isStoredOnce whether it does, for lines to this recipient
   */
  connected(isStoredOnce: (to: string) => boolean): void {
    this.update((line) =>
      line.state === "waiting" && line.wasSent && !isStoredOnce(line.to) ? { ...line, state: "unknown" } : line
    )
  }

  clear(): void {
    this.underWay.clear()
    this.saved.clear()
  }

  private update(change: (line: OutboxLine) => OutboxLine) {
    this.saved.set(this.all.map(change))
  }
}

import type { MessageFate } from "../client/Client.js"

interface Talk {
  readonly to: ReadonlyArray<string>
  /** Whether any of them was present, known once a message to them has its outcomes. */
  state: "untried" | "there" | "absent"
}

const nobody: Talk = { to: [], state: "there" }

/**
 * The recipients of lines that name none: those named last. If none of these is present, the previous conversation
 * continues.
 */
export class CurrentRecipients {
  private current: Talk = nobody
  /** Earlier conversations, oldest first. */
  private earlier: Array<Talk> = []

  get to(): ReadonlyArray<string> {
    return this.current.to
  }

  turn(to: ReadonlyArray<string>): void {
    if (isSame(to, this.to)) return
    this.earlier.push(this.current)
    if (this.earlier.length > maxEarlier) this.earlier.shift()
    this.current = { to, state: "untried" }
  }

  /**
   * Records the outcomes of a message. Returns whether it was the first of this conversation, and none of its
   * recipients was present.
   */
  settle(to: ReadonlyArray<string>, fates: ReadonlyArray<MessageFate>): boolean {
    const talk = [...this.earlier, this.current].findLast((one) => isSame(to, one.to))
    if (talk === undefined) return false
    const isOffline = fates.every((fate) => fate._tag === "Returned" && absences.has(fate.reason))
    if (!isOffline) talk.state = "there"
    else if (talk.state === "untried") talk.state = "absent"
    return talk === this.current && talk.state === "absent"
  }

  /** The user is no longer in a room: lines no longer go there. */
  leave(room: string): void {
    const isHere = this.to.includes(room)
    this.earlier = this.earlier.filter(({ to }) => !to.includes(room))
    if (!isHere) return
    this.current = nobody
    this.back()
  }

  /** Continues the last earlier conversation in which someone may be present. */
  back(): void {
    for (let talk = this.earlier.pop(); talk !== undefined; talk = this.earlier.pop()) {
      this.current = talk
      if (talk.state !== "absent") return
    }
  }
}

const maxEarlier = 16

/** Reasons that mean that the recipient was not present. */
const absences: ReadonlySet<string> = new Set(["offline", "no-room", "not-member"])

const isSame = (one: ReadonlyArray<string>, other: ReadonlyArray<string>) =>
  one.length === other.length && one.every((name) => other.includes(name))

import type { Received } from "../client/Received.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import type { People } from "./People.js"
import { PresenceNotices } from "./PresenceNotices.js"
import type { Transcript } from "./Transcript.js"

/** Labels of the two questions who is here: that of the program, for Tab, and that of the person. */
export const countLabel = "count"
export const whoLabel = "who"
/** That of the question whether the server is there. */
export const aliveLabel = "alive"

type Notice = Extract<Received, { readonly _tag: "Notice" }>
type Refused = Extract<Received, { readonly _tag: "Refused" }>

export interface ServerLinesOptions {
  readonly marks: Marks
  readonly people: People
  readonly transcript: Transcript
  readonly ring: () => void
  /** Somebody came or went, and it is to be told in a while. */
  readonly onPresence: () => void
}

/** What the server sends, as it is shown. */
export class ServerLines {
  private readonly presence = new PresenceNotices()
  /** Grows with everything that comes. */
  heard = 0
  /** After how many milliseconds a server that shuts down wants to be asked again, if it said so. */
  returnMillis: number | undefined = undefined
  /** The names of an answer to `/who` so far: it may take several lines. */
  private listed: Array<string> = []

  constructor(private readonly options: ServerLinesOptions) {}

  take(received: Received): void {
    this.heard += 1
    const { marks, people, ring, transcript } = this.options
    switch (received._tag) {
      case "Message":
        if (people.isIgnored(received.from)) break
        if (this.presence.has(received.from)) this.showPresence()
        people.wrote(received.from)
        transcript.print(Format.said(received.from, received.text, marks))
        if (received.from !== people.own) ring()
        break
      case "Notice":
        this.takeNotice(received)
        break
      case "Refused":
        transcript.print(Format.failed(showReport(received), marks))
        break
      case "Other":
        transcript.print(Format.quiet(received.line, marks))
    }
  }

  /** Another connection: half an answer of the last one is none. */
  connected(): void {
    this.returnMillis = undefined
    this.listed = []
  }

  /** Tells who came and went since it was told last. */
  showPresence(): void {
    if (this.presence.isEmpty) return
    this.options.transcript.print(Format.quiet(this.presence.tell(), this.options.marks))
  }

  private takeNotice(notice: Notice) {
    const { marks, onPresence, people, transcript } = this.options
    const [word = ""] = notice.words
    switch (notice.code) {
      case "joined":
      case "left": {
        if (word === "") break
        const isNews = notice.code === "joined" ? people.joined(word) : people.left(word)
        if (!isNews || people.isIgnored(word) || word === people.own) break
        if (this.presence.isEmpty) onPresence()
        this.presence[notice.code](word)
        break
      }
      case "closing": {
        const grace = Math.ceil(Number(notice.values.get("grace")) / 1000)
        const within = Number.isFinite(grace) ? `, in ${grace} s at most` : ""
        transcript.print(Format.failed(`the server shuts down${within}`, marks))
        const millis = Number(notice.values.get("return") ?? "none")
        // An hour is more than anybody waits for, and what a server may be told.
        this.returnMillis = millis >= 0 && millis <= 3_600_000 ? millis : undefined
        break
      }
      case "bye":
        // That the connection ends is told when it does; of interest is why, if it was not asked for.
        if (!["quit", "shutdown"].includes(notice.values.get("reason") ?? "")) {
          transcript.print(Format.failed(`the server ends the connection: ${showReport(notice)}`, marks))
        }
        break
      case "pong":
        if (notice.label !== aliveLabel) transcript.print(Format.quiet(showReport(notice), marks))
        break
      case "who":
        this.takeWho(notice, Number(word))
        break
      default:
        transcript.print(Format.quiet(showReport(notice), marks))
    }
  }

  private takeWho({ label, text }: Notice, count: number) {
    this.listed.push(...text.split(", ").filter((name) => name !== ""))
    if (this.listed.length < count) return
    const all = this.listed
    this.listed = []
    this.options.people.counted(all)
    if (label !== countLabel) this.options.transcript.print(Format.who(all, this.options.marks))
  }
}

const showReport = ({ code, text, values, words }: Notice | Refused): string => {
  const parameters = [...words, ...[...values].map(([key, value]) => `${key}=${value}`)].join(" ")
  return `${code}${parameters === "" ? "" : ` ${parameters}`}: ${text}`
}

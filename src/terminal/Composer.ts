import type * as Effect from "effect/Effect"
import type { Fate } from "../client/Client.js"
import type { Marks } from "./Display.js"
import * as Format from "./Format.js"
import type { LiveView } from "./LiveRegion.js"
import { Outgoing, type MessageId } from "./Outgoing.js"
import type { People } from "./People.js"
import type { Entered, Prompt } from "./Prompt.js"
import { span, type Row } from "./Row.js"
import { whoLabel } from "./ServerLines.js"
import type { Transcript } from "./Transcript.js"
import * as TypedLine from "./TypedLine.js"

export interface ComposerOptions {
  readonly marks: Marks
  readonly people: People
  readonly prompt: Prompt
  readonly transcript: Transcript
  readonly rings: boolean
  /** There is something to send. */
  readonly wake: () => void
  /** All is known of a message. */
  readonly onSettled: () => void
}

/** How it stands with the server. */
export type Phase =
  | { readonly _tag: "Login" }
  /** `why` is shown above the prompt. */
  | { readonly _tag: "Away"; readonly why: string }
  | {
      readonly _tag: "Here"
      /** Whether the server tells what becomes of a message, and who is there. */
      readonly tells: boolean
      /** Leaves in order: what was sent is delivered. */
      readonly end: Effect.Effect<void>
    }

/** What the person says, and what becomes of it. */
export class Composer {
  readonly outgoing = new Outgoing()
  /** Lines for the server that are no messages. */
  requests: Array<string> = []
  phase: Phase = { _tag: "Login" }
  isLeaving = false
  rings: boolean
  private to: ReadonlyArray<string> = []

  constructor(private readonly options: ComposerOptions) {
    this.rings = options.rings
  }

  /** Returns whether the person wants to leave. */
  enter(entered: Entered): boolean {
    switch (entered._tag) {
      case "Line":
        return this.obey(this.parse(entered.line))
      case "Lines":
        this.enterPaste(entered.lines, entered.isHeaded)
        return false
      case "Resend":
        this.outgoing.resend()
        this.options.wake()
        return false
      case "Drop": {
        const { marks, transcript } = this.options
        for (const message of this.outgoing.drop()) {
          transcript.print(Format.pending(message, marks, "may have arrived, or not"))
        }
        return false
      }
    }
  }

  private parse(line: string): TypedLine.Meaning {
    const { people } = this.options
    const isKnown = (name: string) => people.isKnown(name)
    return TypedLine.parse(line, { to: this.to, lastSender: people.lastSender, isKnown })
  }

  private obey(meaning: TypedLine.Meaning): boolean {
    const { marks, transcript } = this.options
    switch (meaning._tag) {
      case "Say":
        this.say(meaning.to, meaning.text)
        break
      case "Turn":
        this.turn(meaning.to)
        break
      case "Who":
        this.askWho()
        break
      case "Help":
        transcript.print(...help(marks))
        break
      case "Quit":
        return true
      case "Ignore":
        this.ignore(meaning.names)
        break
      case "Switch":
        if (meaning.what === "bell") this.rings = meaning.on
        else transcript.withTime = meaning.on
        transcript.print(Format.quiet(`${meaning.what} ${meaning.on ? "on" : "off"}`, marks))
        break
      case "Mistake":
        transcript.print(Format.failed(meaning.text, marks))
    }
    return false
  }

  private say(to: ReadonlyArray<string>, text: string) {
    this.turn(to)
    this.outgoing.add(to, text)
    this.options.wake()
  }

  private turn(to: ReadonlyArray<string>) {
    this.to = to
    this.options.people.addressed(to)
  }

  /** Pasted lines are text, whatever stands in them: a log is full of `error: ...`. */
  private enterPaste(lines: ReadonlyArray<string>, isHeaded: boolean) {
    const [first = "", ...rest] = lines
    const meaning = this.parse(isHeaded || this.to.length === 0 ? first : ` ${first}`)
    if (meaning._tag === "Say" || meaning._tag === "Turn") {
      this.obey(meaning)
      for (const line of rest) this.say(this.to, line)
      return
    }
    const { marks, transcript } = this.options
    const why = "write `name: ` and paste behind it"
    transcript.print(Format.failed(`none of the ${lines.length} lines was sent; ${why}`, marks))
  }

  private askWho() {
    const { marks, transcript } = this.options
    const { phase } = this
    if (phase._tag !== "Here") return transcript.print(Format.failed("there is no connection to ask through", marks))
    if (!phase.tells) return transcript.print(Format.failed("this server does not tell who is here", marks))
    this.requests.push(`@${whoLabel} /who`)
    return this.options.wake()
  }

  private ignore(names: ReadonlyArray<string>) {
    const { marks, people, transcript } = this.options
    const tell = (text: string) => transcript.print(Format.quiet(text, marks))
    for (const name of names) {
      tell(
        people.toggleIgnored(name)
          ? `${name} is ignored; /ignore ${name} again ends it`
          : `${name} is not ignored any more`
      )
    }
    const { ignoredNames } = people
    if (names.length === 0)
      tell(ignoredNames.length === 0 ? "nobody is ignored" : `ignored: ${ignoredNames.join(", ")}`)
  }

  /** All that there is to know of a message is known. What a server that shuts down refuses waits for the next one. */
  settle(id: MessageId, fates: ReadonlyArray<Fate>): void {
    if (fates.some((fate) => fate._tag === "Refused" && fate.reason === "closing")) return this.outgoing.putBack(id)
    const told = this.outgoing.settle(id, fates)
    this.options.onSettled()
    if (told !== undefined) this.options.transcript.print(Format.told(told, this.options.marks))
  }

  /** It was sent, and nothing more will be known. */
  sent(id: MessageId, to: ReadonlyArray<string>, text: string): void {
    this.outgoing.forget(id)
    this.options.onSettled()
    this.options.transcript.print(Format.sent(to, text, this.options.marks))
  }

  /** It cannot be sent. */
  refuse(id: MessageId, why: string): void {
    this.outgoing.forget(id)
    this.options.onSettled()
    this.options.transcript.print(Format.failed(`not sent, ${why}`, this.options.marks))
  }

  /** Tells what was not sent, and what may not have arrived; nothing more will become of it. */
  tellRest(): void {
    const { marks, transcript } = this.options
    for (const message of this.outgoing.all) {
      const note = message.phase === "waiting" ? "was not sent" : "may have arrived, or not"
      transcript.print(
        Format.pending(message.phase === "waiting" ? message : { ...message, phase: "unknown" }, marks, note)
      )
    }
  }

  /** What stands below the scrollback. */
  get view(): LiveView {
    const { marks, prompt } = this.options
    const { cursor, text } = prompt.editor
    if (prompt.asksLogin) return { above: [], prompt: [span("login: ", "strong")], text, cursor }
    return {
      above: [...this.pendingRows(), ...this.questions()],
      prompt: this.isLeaving ? [] : Format.prompt(this.to, marks),
      text: this.isLeaving ? "" : text,
      cursor: this.isLeaving ? 0 : cursor
    }
  }

  private pendingRows(): ReadonlyArray<Row> {
    const { marks, transcript } = this.options
    const margin = span(transcript.margin)
    const isHere = this.phase._tag === "Here"
    const rows = this.outgoing.first(maxPending).map((message): Row => {
      const note = message.phase === "waiting" && !isHere ? "not sent yet" : ""
      return [margin, ...Format.pending(message, marks, note)]
    })
    const more = this.outgoing.size - rows.length
    return more === 0 ? rows : [...rows, [margin, span(`${marks.more} ${more} more`, "quiet")]]
  }

  /** The keys stand first: a narrow terminal cuts the rest. */
  private questions(): ReadonlyArray<Row> {
    const { phase, outgoing } = this
    const { paste } = this.options.prompt
    const rows: Array<Row> = []
    const unknown = outgoing.count("unknown")
    if (unknown > 0) {
      const what = unknown === 1 ? "1 line that" : `${unknown} lines that`
      rows.push([span(`Ctrl-R resends, Ctrl-X drops ${what} may have arrived, or not`, "strong")])
    }
    if (this.isLeaving) rows.push([span(`Ctrl-C ends the waiting for outcomes: ${outgoing.size - unknown}`, "quiet")])
    else if (phase._tag === "Away" && phase.why !== "") rows.push([span(phase.why, "quiet")])
    if (paste !== undefined) rows.push([span(this.askPaste(paste.lines, paste.isHeaded), "strong")])
    return rows
  }

  private askPaste(lines: ReadonlyArray<string>, isHeaded: boolean): string {
    const meaning = isHeaded || this.to.length === 0 ? this.parse(lines[0] ?? "") : undefined
    const to = meaning?._tag === "Say" || meaning?._tag === "Turn" ? meaning.to : this.to
    return `y/n: send ${lines.length} lines${to.length === 0 ? "" : ` to ${to.join(", ")}`}?`
  }
}

/** More rows than this of messages under way are counted, not shown. */
const maxPending = 4

const help = (marks: Marks): ReadonlyArray<Row> =>
  [
    ["name: text", "sends text to name; `bob, carol: text` to both; the lines behind it go there, too"],
    [" text", "sends the text to the same names, whatever stands in it"],
    ...TypedLine.commands,
    ["Tab, Up, Down", "complete a name or a command; go through what was typed before"],
    [`${marks.pending} ${marks.written} ${marks.returned}`, "sent; written to the recipient's socket; returned"]
  ].map(([usage = "", about = ""]): Row => [span(usage.padEnd(16), "strong"), span(about)])

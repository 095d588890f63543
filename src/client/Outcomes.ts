import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import { Labels } from "./Labels.js"
import * as Received from "./Received.js"
import * as RoomReports from "./RoomReports.js"

/** The outcome of a labelled line for some of its recipients (protocol, section 7). */
export type Outcome =
  /**
   * The line has reached these recipients: the kernel took all its bytes for them. Later servers may add other
   * successful outcomes; `code` is then the code on the wire.
   */
  | (StoredPlace & { readonly _tag: "Written"; readonly names: ReadonlyArray<string>; readonly code?: string })
  /** The line was returned for these recipients, and will never be written. */
  | (OutcomeReason & {
      readonly _tag: "Returned"
      readonly names: ReadonlyArray<string>
      /** Present names that look the same as absent ones of these; left out if there are none. */
      readonly like?: ReadonlyArray<string>
    })
  /** The line was refused as a whole: no recipient gets it. */
  | (OutcomeReason & { readonly _tag: "Refused" })
  /** The connection ended before the outcome arrived, or the outcome `isInvalid`. Some recipients may have the line. */
  | { readonly _tag: "Unknown"; readonly isInvalid?: true }

/** Where the line is kept, if the client said `seq` (protocol, section 10). */
export interface StoredPlace {
  /** Its number in the conversation with the recipient, from 1. */
  readonly seq?: number
  /** When it was stored, in milliseconds since 1970. */
  readonly at?: number
  /** The line had already been stored, and was sent again with its label (`once`). */
  readonly again?: true
}

export interface OutcomeReason {
  /** The reason on the wire, such as `offline`; for a refused line its code, such as `bad-line`; or `label-used`. */
  readonly reason: string
  /** Milliseconds after which the same line may succeed; undefined if it never will. */
  readonly retryMillis: number | undefined
  /** For people; the wording may change. */
  readonly text: string
}

/** The recipients of a line, and the form in which the server shows them in outcomes. */
export class Recipients {
  readonly shown: ReadonlyArray<string>

  /** @param names as `distinct` returns them */
  constructor(readonly names: ReadonlyArray<string>) {
    const shown = names.map(show)
    // Nearly always equal: the server shows only text that cannot be a login differently.
    this.shown = isSame(shown, names) ? names : shown
  }

  /** The recipients with these shown names. If two are shown alike, the first stands for both. */
  named(shown: ReadonlyArray<string>): ReadonlyArray<string> {
    if (this.shown === this.names) return shown
    return shown.map((name) => this.names[this.shown.indexOf(name)] ?? name)
  }

  /** The recipients whose outcomes are still due. */
  rest(due: Due): ReadonlyArray<string> {
    if (due === undefined) return this.names
    const left = new Map(due)
    return this.names.filter((_, index) => takeOne(left, this.shown[index] ?? ""))
  }
}

/** Missing outcomes by shown name; more than one if long names are shown alike. Undefined while all of them are due. */
type Due = Map<string, number> | undefined

/** A labelled line that waits for outcomes. */
export interface AwaitedLine {
  readonly recipients: Recipients
  /** Kept by `Outcomes`. */
  due: Due
  /** Called with each outcome as it arrives, and its recipients; `isLast` if no other follows. */
  readonly accept: (outcome: Outcome, names: ReadonlyArray<string>, isLast: boolean) => void
}

/** The labelled lines of one connection that wait for outcomes. Their labels are a prefix and a number. */
export class Outcomes {
  private readonly awaited = new Map<number, AwaitedLine>()
  /** Whether the connection has ended. A line expected after that would wait forever. */
  hasEnded = false

  /** @param labels those of the client, which it shares with its other connections */
  constructor(private readonly labels = new Labels()) {}

  /** Number of waiting lines. */
  get size(): number {
    return this.awaited.size
  }

  /**
   * Registers a line and returns its label.
   *
   * @param number the number that the line had on an earlier connection; by default one that no line had
   */
  expect(awaited: AwaitedLine, number = this.labels.next()): string {
    this.awaited.set(number, awaited)
    return `${this.labels.prefix}${number}`
  }

  /**
   * Takes a line from the server if its label is that of a waiting line; returns whether it is. If an outcome cannot be
   * parsed, or one of its names is not that of a recipient that is due, all missing outcomes of the line become
   * unknown: a guess might report a loss as a success.
   */
  accept(line: string): boolean {
    const label = labelOf(line, this.labels.prefix)
    const awaited = this.awaited.get(label)
    if (awaited === undefined) return false
    const outcome = parse(line)
    const isLast = outcome === undefined || outcome._tag === "Refused" ? true : this.settle(awaited, outcome)
    if (!isLast) return true
    this.awaited.delete(label)
    if (outcome === undefined) invalid(awaited)
    else if (outcome._tag === "Refused") awaited.accept(outcome, awaited.recipients.rest(awaited.due), true)
    return true
  }

  /** Passes on an outcome of some recipients; returns whether it was the last. */
  private settle(awaited: AwaitedLine, outcome: NamedOutcome): boolean {
    const { recipients } = awaited
    const { names } = outcome
    if (awaited.due === undefined && isSame(names, recipients.shown)) {
      const own = recipients.names
      awaited.accept(recipients.shown === own ? outcome : { ...outcome, names: own }, own, true)
      return true
    }
    const due = (awaited.due ??= counted(recipients.shown))
    if (!takeAll(due, names)) {
      invalid(awaited)
      return true
    }
    const isSettled = due.size === 0
    const own = recipients.named(names)
    awaited.accept({ ...outcome, names: own }, own, isSettled)
    return isSettled
  }

  /** The connection has ended: all waiting lines become unknown. */
  end(): void {
    if (this.hasEnded) return
    this.hasEnded = true
    const lines = [...this.awaited.values()]
    this.awaited.clear()
    for (const line of lines) unknown(line, { _tag: "Unknown" })
  }
}

const unknown = (awaited: AwaitedLine, fate: Extract<Outcome, { readonly _tag: "Unknown" }>) =>
  awaited.accept(fate, awaited.recipients.rest(awaited.due), true)

const invalid = (awaited: AwaitedLine) => unknown(awaited, { _tag: "Unknown", isInvalid: true })

/** The `#` of a room is not part of its name. */
const show = (name: string): string => {
  const mark = RoomReports.isRoom(name) ? "#" : ""
  return mark + Wire.decode(Name.show(Wire.encode(name.slice(mark.length))))
}

const counted = (shown: ReadonlyArray<string>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const name of shown) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

/** Decrements the count of a name; returns whether it was present. */
const takeOne = (counts: Map<string, number>, name: string): boolean => {
  const count = counts.get(name)
  if (count === undefined) return false
  if (count === 1) counts.delete(name)
  else counts.set(name, count - 1)
  return true
}

/** Takes all of these names, or none if one of them is not present; returns whether it took them. */
const takeAll = (counts: Map<string, number>, names: ReadonlyArray<string>): boolean => {
  const absent = names.findIndex((name) => !takeOne(counts, name))
  if (absent < 0) return true
  for (const name of names.slice(0, absent)) counts.set(name, (counts.get(name) ?? 0) + 1)
  return false
}

const isSame = (some: ReadonlyArray<string>, others: ReadonlyArray<string>): boolean =>
  some.length === others.length && some.every((name, index) => name === others[index])

type NamedOutcome = Extract<Outcome, { readonly names: ReadonlyArray<string> }>

const writtenHead = "* written @"

const anyHead = /^[!*] [^\s:@=]+ @/u

/** The number in a label that `expect` may have returned, so not in `@01` or `@1e0`; NaN for any other line. */
const labelOf = (line: string, prefix: string): number => {
  // By far the most frequent line when a client sends a lot.
  const head = line.startsWith(writtenHead)
    ? writtenHead.length
    : line.startsWith("! ") || line.startsWith("* ")
      ? (anyHead.exec(line)?.[0].length ?? 0)
      : 0
  if (head === 0 || !line.startsWith(prefix, head)) return NaN
  return numberAt(line, head + prefix.length)
}

/** The number from `start` to the next blank or colon; NaN if there is anything else, or a leading zero. */
const numberAt = (line: string, start: number): number => {
  let number = 0
  for (let at = start; ; at++) {
    const digit = line.charCodeAt(at) - 0x30
    if (digit >= 0 && digit <= 9 && (digit > 0 || at > start)) {
      number = number * 10 + digit
      continue
    }
    const isOver = digit === blank || digit === colon || at === line.length
    return isOver && at > start ? number : NaN
  }
}

const [blank, colon] = [0x20 - 0x30, 0x3a - 0x30]

/** The code of the refusal that names its recipients (protocol, section 10); older servers name none. */
export const labelUsed = "label-used"

/** The code, the label, the names, and other parameters, which later servers may have. */
const namedOutcome = /^[!*] ([^\s:@=]+) @\S+ ([^\s,:=]+(?:, [^\s,:=]+)*)(?: [^:]*)?:/u

/** The outcome in a line with a label, its names as the server shows them; undefined if it does not parse. */
const parse = (line: string): NamedOutcome | Extract<Outcome, { readonly _tag: "Refused" }> | undefined => {
  if (line.startsWith(writtenHead)) {
    const start = line.indexOf(" ", writtenHead.length) + 1
    const name = line.slice(start, line.indexOf(":", start))
    if (start > 0 && name !== "" && line.includes(":", start) && !/[\s,=]/u.test(name)) {
      return { _tag: "Written", names: [name] }
    }
  }
  const received = Received.parse(line)
  if (received._tag !== "Refused" && received._tag !== "Notice") return undefined
  const [, code, listed] = namedOutcome.exec(line) ?? []
  // A server without rooms escapes `#ops` like any other text that is not a name.
  const names = listed?.split(", ").map((name) => name.replace(/^%23/u, "#")) ?? []
  if (received._tag === "Notice") {
    if (names.length === 0) return undefined
    const isPlain = code === "written" || code === undefined
    return isPlain ? { _tag: "Written", names } : { _tag: "Written", names, code, ...placeIn(received) }
  }
  const { retryMillis, text, values } = received
  // A label can be in use with some recipients of a line, and be new to the others.
  const isNamed = received.code === "undelivered" || (received.code === labelUsed && names.length > 0)
  if (!isNamed) return { _tag: "Refused", reason: received.code, retryMillis, text }
  if (names.length === 0) return undefined
  const like = values.get("like")
  return {
    _tag: "Returned",
    names,
    reason: values.get("reason") ?? received.code,
    retryMillis,
    text,
    ...(like === undefined ? {} : { like: like.split("+") })
  }
}

/** Where a stored line is kept. With numbers, an outcome is about one recipient. */
const placeIn = ({ values }: Received.Report): StoredPlace => {
  const [seq, at] = [Received.numberIn(values.get("seq")), Received.numberIn(values.get("at"))]
  return {
    ...(seq === undefined || at === undefined ? {} : { seq, at }),
    ...(values.get("again") === "yes" ? { again: true } : {})
  }
}

/** The present name that the server suggests for an absent one. */
export const suggested = (outcome: Outcome, name: string): string | undefined =>
  outcome._tag === "Returned"
    ? outcome.like?.find((present) => Name.likeness(present) === Name.likeness(name))
    : undefined

/** Recipients as the server counts them: trimmed, in NFC, without empty names and duplicates (protocol, section 3). */
export const distinct = (recipients: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(
    recipients.map((name) => Wire.decode(Name.normalise(Wire.trim(Wire.encode(name))))).filter((name) => name !== "")
  )
]

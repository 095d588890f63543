import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { createHash } from "node:crypto"
import { Labels } from "../client/Labels.js"
import type { Look } from "../client/LineConnection.js"
import * as Outcomes from "../client/Outcomes.js"
import * as Received from "../client/Received.js"
import * as Wire from "../protocol/Wire.js"
import type { ChatSession } from "./ChatSession.js"
import * as HttpRefusal from "./HttpRefusal.js"
import * as SendOutcomes from "./SendOutcomes.js"

/** Sends the lines of one request, and waits for what becomes of each. */

export interface SendJob {
  readonly recipients: ReadonlyArray<string>
  /** The recipients in wire form, with `, ` between them. */
  readonly head: string
  /** Texts in wire form, without LF. */
  readonly texts: ReadonlyArray<string>
  /** The key of the client for this request, with which it may send it again; undefined if it has none. */
  readonly key: string | undefined
  /** Whether to wait for every outcome, or only until the server has read every line. */
  readonly isWaiting: boolean
  /** The longest wait for all outcomes. */
  readonly patience: Duration.Duration
}

export interface SendJobResult {
  readonly outcomes: ReadonlyArray<SendOutcomes.SendOutcome>
  /** Why no more outcomes are awaited: all came, or it took too long, or the connection to the chat has ended. */
  readonly end: "complete" | "late" | "lost"
}

/** The texts of a body: its lines without CR and without blank ones. A last line needs no LF. */
export const textsOf = (body: Buffer): ReadonlyArray<string> =>
  Wire.lines(`${body.toString("latin1")}\n`).filter((line) => Wire.trim(line) !== "")

/**
 * The labels of a request that may be repeated: the same key makes the same labels, so the server stores its lines once
 * (protocol, section 10). 90 bits of the hash are in the prefix, which has at most 16 characters.
 */
const keyedLabels = (key: string): Labels =>
  new Labels(`${createHash("sha256").update(key).digest("base64url").slice(0, 15)}.`)

/**
 * How often lines are sent again that came too fast after the login: the clock may be early, or another client faster.
 */
const furtherTries = 2

export const run = (session: ChatSession, job: SendJob): Effect.Effect<SendJobResult, HttpRefusal.HttpRefusal> =>
  Effect.suspend(() => {
    if (job.key !== undefined && !session.isAccount) return Effect.fail(keyOfGuest)
    const tries = session.hasSent ? 0 : furtherTries
    session.hasSent = true
    return attempt(session, job, tries)
  })

/**
 * The login, and entering rooms, may have used the rate up: then no line is accepted, and would not be in the session
 * of the next request either. So they wait for the rate here.
 */
const attempt = (session: ChatSession, job: SendJob, tries: number): Effect.Effect<SendJobResult> =>
  Effect.flatMap(once(session, job), (result) => {
    const pause = tries === 0 ? undefined : SendOutcomes.pauseOf(result.outcomes)
    return pause === undefined ? Effect.succeed(result) : Effect.delay(attempt(session, job, tries - 1), pause)
  })

const once = (
  { connection, labels }: ChatSession,
  { head, isWaiting, key, patience, recipients, texts }: SendJob
): Effect.Effect<SendJobResult> =>
  Effect.suspend(() => {
    const awaited = new Outcomes.Outcomes(key === undefined ? labels : keyedLabels(key))
    const everyone = new Outcomes.Recipients(recipients)
    const outcomes: Array<SendOutcomes.SendOutcome> = []
    let wire = ""
    texts.forEach((text, index) => {
      const line: Outcomes.AwaitedLine = {
        recipients: everyone,
        due: undefined,
        accept: (outcome, names) => {
          for (const one of SendOutcomes.of(index + 1, outcome, names)) outcomes.push(one)
        }
      }
      wire += `@${awaited.expect(line)} ${head}: ${text}\n`
    })
    const result = (end: SendJobResult["end"]): SendJobResult => ({ outcomes, end })
    const settled: Look<SendJobResult, never> = (line) => {
      if (!awaited.accept(line)) return undefined
      return awaited.size === 0 ? Exit.succeed(result("complete")) : "part"
    }
    /** What has no outcome yet is unknown. */
    const without = (end: "late" | "lost") => (): SendJobResult => {
      awaited.end()
      return result(end)
    }
    // The replies to all lines come before the pong, and outcomes may: those are reported, and no other is awaited.
    const read: Look<SendJobResult, never> = (line) => {
      if (awaited.accept(line)) return "part"
      return isPong(line) ? Exit.succeed(result("complete")) : undefined
    }
    const asked = isWaiting ? connection.ask(wire, settled) : connection.ask(`${wire}@${pingLabel} /ping\n`, read)
    return asked.pipe(
      Effect.orElseSucceed(without("lost")),
      Effect.timeoutTo({ duration: patience, onSuccess: (found) => found, onTimeout: without("late") })
    )
  })

const pingLabel = "achat-read"

const isPong = (line: string) => {
  if (!line.startsWith(`* pong @${pingLabel}`) && !line.startsWith(`! slow-down @${pingLabel} `)) return false
  const received = Received.parse(line)
  return "label" in received && received.label === pingLabel
}

const keyOfGuest = HttpRefusal.badRequest("an Idempotency-Key needs an account: nothing is kept of a guest", "guest")

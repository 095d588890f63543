import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { TransportError } from "../ports/Transport.js"
import type * as LineConnection from "./LineConnection.js"
import * as PastReports from "./PastReports.js"
import * as Received from "./Received.js"

/** A command whose reply may have several lines. */

/**
 * The server did not do what a command asked for. `reason` is that of `! refused` (protocol, sections 9 and 11), such
 * as `not-member`, or the code of any other refusal, such as `unknown-command` from a server without rooms. It is
 * `too-long` if the reply has more lines than expected.
 */
export class RequestRefused extends Data.TaggedError("RequestRefused")<{
  /** The command, without its `/`. */
  readonly command: string
  readonly reason: string
  /** Milliseconds after which the same command may succeed; undefined if it never will. */
  readonly retryMillis: number | undefined
  /** The name that a refused one looks like; undefined if there is none. */
  readonly like?: string | undefined
  /** For people; the wording may change. */
  readonly text: string
}> {
  override get message() {
    return `${this.reason}: ${this.text}`
  }
}

export type RequestError = TransportError | RequestRefused

export interface Request<A> {
  /** The command in wire form, without its `/`, its label and its LF. */
  readonly wire: string
  /** Whether the reply ends with `* end`. Otherwise it is one line. */
  readonly hasEnd: boolean
  /** Parses one line of the reply; undefined if it is not a known reply to the command. */
  readonly parse: (received: Received.Received) => A | undefined
  /** Lines of the reply, at most. A malicious server could otherwise fill the memory of the client. */
  readonly maxLines: number
}

/** The reply to a command: its parsed lines, and its end, if it has one. */
export interface Reply<A> {
  readonly lines: ReadonlyArray<A>
  readonly end: PastReports.EndReport | undefined
}

/** Sends commands on one connection that has greeted. */
export type Requester = <A>(request: Request<A>) => Effect.Effect<Reply<A>, RequestError>

/** The shortest pause after a command that was sent too fast, in milliseconds. */
const leastPauseMillis = 10

/** Each command has a label of its own, so that several may wait for their replies at once. */
export const on = (connection: Pick<LineConnection.LineConnection, "ask">): Requester => {
  let last = 0
  return (request) => Effect.suspend(() => send(connection, request, `achat-ask.${(last += 1)}`))
}

const send = <A>(
  connection: Pick<LineConnection.LineConnection, "ask">,
  request: Request<A>,
  label: string
): Effect.Effect<Reply<A>, RequestError> =>
  Effect.suspend(() => {
    const { hasEnd, maxLines, parse, wire } = request
    const [command = ""] = wire.split(" ", 1)
    const lines: Array<A> = []
    const look: LineConnection.Look<Reply<A> | "too-fast", RequestError> = (line) => {
      // Called for each line that arrives meanwhile; most are messages.
      if (line.startsWith("from ")) return undefined
      const received = Received.parse(line)
      if (!("label" in received) || received.label !== label) return undefined
      if (received._tag === "Refused") {
        if (received.code !== "slow-down") return Exit.fail(refusedBy(command, received))
        pauseMillis = Math.max(leastPauseMillis, received.retryMillis ?? 0)
        return Exit.succeed("too-fast")
      }
      const found = parse(received)
      if (found !== undefined) lines.push(found)
      if (lines.length > maxLines) return Exit.fail(tooLong(command))
      if (!hasEnd) return Exit.succeed({ lines, end: undefined })
      const end = PastReports.endIn(received)
      return end === undefined ? "part" : Exit.succeed({ lines, end })
    }
    let pauseMillis = leastPauseMillis
    return Effect.flatMap(connection.ask(`@${label} /${wire}\n`, look), (reply) =>
      reply === "too-fast" ? Effect.delay(send(connection, request, label), pauseMillis) : Effect.succeed(reply)
    )
  })

const tooLong = (command: string) =>
  new RequestRefused({ command, reason: "too-long", retryMillis: undefined, text: "the server's reply is too long" })

const refusedBy = (command: string, refused: Extract<Received.Received, { readonly _tag: "Refused" }>) => {
  const { code, retryMillis, text, values } = refused
  const reason = code === "refused" ? (values.get("reason") ?? code) : code
  return new RequestRefused({ command, reason, retryMillis, text, like: values.get("like") })
}

import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as AcknowledgedFeed from "./AcknowledgedFeed.js"
import type { FeedSource } from "./AcknowledgedFeed.js"
import type { ClientHandle, MessageFate } from "./Client.js"
import * as Wire from "../protocol/Wire.js"
import * as ConversationHandle from "./ConversationHandle.js"
import * as Encode from "./Encode.js"
import * as LineConnection from "./LineConnection.js"
import type * as Login from "./Login.js"
import * as Outcomes from "./Outcomes.js"
import * as Received from "./Received.js"
import * as Request from "./Request.js"

/** A connection as the handle of a client. */

/** The server reports no outcomes, like the original a-chat; nothing was sent. */
export class NoOutcomes extends Data.TaggedError("NoOutcomes") {
  override get message() {
    return "this server does not report outcomes of messages"
  }
}

export interface ClientConnectionOptions {
  readonly started: Login.PendingLogin
  readonly hello: ClientHandle["hello"]
  /** What the server has replied to so far: a command (`confirmed`), `hello` (`greeted`), or nothing. */
  readonly stage: "sent" | "confirmed" | "greeted"
  /** The kind of server, as far as it is known; an original one sends no parameters with messages. */
  readonly server: Received.ServerKind
  /** Whether the program wants notices; shared by the connections of one program. By default, if it has greeted. */
  readonly notices?: { areWanted: boolean }
}

/** A handle that can send a message again with its earlier label. */
export interface LabellingHandle extends ClientHandle {
  /** `deliver`, with this number in the label; by default an unused one. */
  readonly deliverAs: (
    recipients: ReadonlyArray<string>,
    text: string,
    label: number | undefined
  ) => ReturnType<ClientHandle["deliver"]>
  readonly asking: ConversationHandle.Asking
  /** Of `feed`. */
  readonly source: FeedSource
}

/** An original server has no commands. */
const noCommands = Effect.fail(
  new Request.RequestRefused({
    command: "hello",
    reason: "unknown-command",
    retryMillis: undefined,
    text: "this server has no commands"
  })
)

export const handle = (options: ClientConnectionOptions): LabellingHandle => {
  const { server, started } = options
  const { connection } = started
  const { hello, lines, source } = acknowledging(options)
  const deliverAs: LabellingHandle["deliverAs"] = (recipients, text, label) =>
    Effect.zipRight(
      Effect.filterOrFail(hello, Option.isSome, () => new NoOutcomes()),
      deliver(connection, Outcomes.distinct(recipients), text, label)
    )
  const requester = Request.on(connection)
  const asking: ConversationHandle.Asking = (request) =>
    Effect.flatMap(hello, (found) => (Option.isSome(found) ? request(requester) : noCommands))
  const send: ClientHandle["send"] = (recipients, text) =>
    Effect.flatMap(Encode.message(recipients, text), connection.send)
  const plainDeliver: ClientHandle["deliver"] = (recipients, text) => deliverAs(recipients, text, undefined)
  return {
    ...ConversationHandle.make({ asking, send, deliver: plainDeliver }),
    remote: connection.remote,
    lines,
    received: Stream.map(lines, (line) => Received.parse(line, server)),
    feed: AcknowledgedFeed.make(source),
    source,
    send,
    sendLine: (line) => Effect.flatMap(Encode.text(line), (wire) => connection.send(`${wire}\n`)),
    deliver: plainDeliver,
    deliverAs,
    asking,
    hello,
    end: connection.end,
    closed: connection.closed
  }
}

/** @param hello what the server has replied to `hello`; none if it is an original one */
export const greeted = (
  started: Login.PendingLogin,
  hello: Option.Option<Login.Hello>,
  notices = { areWanted: true }
): LabellingHandle =>
  handle({
    started,
    notices,
    hello: Effect.succeed(hello),
    stage: Option.isSome(hello) ? "greeted" : "sent",
    server: Option.isSome(hello) ? "a-chat" : "original"
  })

/**
 * Turns acknowledgements on once the program runs the stream and the server is known not to be an original one.
 * Earlier, the server would wait for acknowledgements that nobody sends. Notices, which this also turns on, are
 * withheld until the program requests `hello`.
 */
const acknowledging = ({
  hello,
  notices = { areWanted: false },
  server,
  stage,
  started
}: ClientConnectionOptions): Pick<LabellingHandle, "hello" | "lines" | "source"> => {
  const { connection, login, mayAcknowledge, words } = started
  const [name = ""] = Wire.decode(login).split("/", 1)
  let isKnown = stage !== "sent"
  let isRunning = false
  let isOn = words.includes("ack") || !mayAcknowledge
  const turnOn = Effect.suspend(() => {
    if (isOn || !isRunning || !isKnown) return Effect.void
    isOn = true
    // Only a client that has greeted may label lines. The stream sees the same break.
    return Effect.ignore(connection.acknowledge(stage === "greeted" || notices.areWanted ? "labelled" : "own"))
  })
  const inner = connection.source((line) => Received.parse(line, server))
  const isWanted = (line: string): boolean => {
    if (notices.areWanted || !line.startsWith("* ")) return true
    if (line.startsWith("* hello ")) notices.areWanted = true // the program asked with `sendLine`
    const received = Received.parse(line)
    return received._tag !== "Notice" || !Received.isUnrequested(received, name)
  }
  return {
    hello: Effect.suspend(() => {
      notices.areWanted = true
      return Effect.tap(hello, (found) => {
        isKnown = Option.isSome(found)
        return turnOn
      })
    }),
    source: {
      poll: () => {
        // `wait` turns acknowledgements on.
        if (!isRunning) return undefined
        const polled = inner.poll()
        if (polled === undefined || Exit.isExit(polled)) return polled
        return polled.filter(({ line, processed }) => {
          if (isWanted(line)) return true
          processed()
          return false
        })
      },
      wait: Effect.suspend(() => {
        if (isRunning) return inner.wait
        isRunning = true
        return turnOn
      }),
      keepAlive: inner.keepAlive
    },
    lines: Stream.unwrap(
      Effect.suspend(() => {
        isRunning = true
        return Effect.as(turnOn, notices.areWanted ? connection.lines : Stream.filter(connection.lines, isWanted))
      })
    )
  }
}

const deliver = (
  connection: LineConnection.LineConnection,
  recipients: ReadonlyArray<string>,
  text: string,
  number: number | undefined
) =>
  Effect.gen(function* () {
    const message = yield* Encode.message(recipients, text)
    if (connection.hasEnded() || connection.outcomes.hasEnded) return yield* LineConnection.lost
    const fates: Array<MessageFate> = []
    const settled = yield* Deferred.make<ReadonlyArray<MessageFate>>()
    const awaited: Outcomes.AwaitedLine = {
      recipients: new Outcomes.Recipients(recipients),
      due: undefined,
      accept: (outcome, names, isLast) => {
        fates.push(outcome._tag === "Unknown" ? { ...outcome, names } : outcome)
        if (isLast) Deferred.unsafeDone(settled, Exit.succeed(fates))
      }
    }
    const label = connection.outcomes.expect(awaited, number)
    // No need to wait until the kernel has taken the line: its outcome is awaited, and is unknown if the connection
    // breaks.
    connection.queue(`@${label} ${message}`)
    return yield* Deferred.await(settled)
  })

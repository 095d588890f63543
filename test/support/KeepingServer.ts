import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TcpAddress } from "../../src/transport/Tcp.js"
import { LineCutter } from "../../scripts/line-client.mjs"
import * as FakeServer from "./FakeServer.js"

/** The password that such a server takes for the account alice. */
export const password = "correct horse"

type Answer = ReadonlyArray<string> | "reset" | "end"

export interface KeepingServerOptions {
  /** Answers a labelled message. By default it is lost. */
  readonly answer?: (line: string) => Answer
  /** Answers a labelled command, such as `/join #ops`, by the number of the connection. By default it is lost. */
  readonly command?: (line: string, label: string, connection: number) => Answer
  /** What a connection gets after its login, by the number of the connection, from 1. */
  readonly inbox?: (connection: number) => Answer
  /** Answers an acknowledgement of this many messages, by the number of the connection. */
  readonly acknowledged?: (connection: number, messages: number) => Answer
  /** The words that are on, by the number of the connection. */
  readonly words?: (connection: number) => string
  /** The id of the log, by the number of the connection. */
  readonly log?: (connection: number) => string
  /** Whether the client asks for a token first, on a connection that is not counted. True by default. */
  readonly exchanges?: boolean
  /** Whether the client is a guest, and not the account. False by default. */
  readonly isGuest?: boolean
  /** The answer to `/accounts`, without its head. */
  readonly kept?: () => string
}

/** A server that says that it keeps lines, and does only what a test says. Each client logs in as alice. */
export const make = ({
  acknowledged = () => [],
  answer = () => [],
  command = () => [],
  exchanges = true,
  inbox = () => [],
  isGuest = false,
  kept = () => "1: bob",
  log = () => "l",
  words = () => "ack+once+receipts+seq"
}: KeepingServerOptions): Effect.Effect<TcpAddress, never, Scope.Scope> => {
  let connections = exchanges ? -1 : 0
  const answerOn = (connection: number, line: string): Answer => {
    if (/^(?:@achat-ack )?\/hello/u.test(line)) {
      const facts = `max-line=1000 max-recipients=3 on=${words(connection)} store=disk log=${log(connection)}`
      return [`* hello achat=1 name=alice ${facts} accounts=open${isGuest ? "" : " device=main"}: x`]
    }
    if (line.startsWith("alice: hello? ")) return [`from ${line}`]
    if (line.startsWith("@token")) return ["! refused @token token reason=policy: x"]
    if (line.startsWith("alice")) return connection === 0 ? [] : inbox(connection)
    if (line.startsWith("@achat-kept")) return [`* accounts @achat-kept ${kept()}`]
    if (line.startsWith("/ack")) return acknowledged(connection, Number(line.slice("/ack ".length)))
    if (line.startsWith("/quit")) return ["* bye reason=quit: x"]
    if (/^@\S+ [^/]/u.test(line)) return answer(line)
    const [, label, asked] = /^@(\S+) (\/.*)$/u.exec(line) ?? []
    return label === undefined || asked === undefined ? [] : command(asked, label, connection)
  }
  return FakeServer.make((socket) => {
    const connection = (connections += 1)
    const cutter = new LineCutter((line) => {
      if (socket.writableEnded || socket.destroyed) return
      const answers = answerOn(connection, line)
      if (answers === "reset") socket.resetAndDestroy()
      else if (answers === "end") socket.end()
      else if (answers.some((one) => one.includes(" fatal: "))) socket.end(`${answers.join("\n")}\n`)
      else if (answers.length > 0) socket.write(`${answers.join("\n")}\n`)
    })
    socket.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
    socket.on("end", () => socket.end())
  })
}

/** The label of a line, without its `@`. */
export const labelOf = (line: string): string => /^@(\S+) /u.exec(line)?.[1] ?? ""

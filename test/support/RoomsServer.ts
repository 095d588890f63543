import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import { LineCutter } from "../../scripts/line-client.mjs"
import type { Keyring } from "../../src/client/Keyring.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "./Eventually.js"
import * as FakeServer from "./FakeServer.js"

interface KeptLine {
  readonly from: string
  readonly text: string
  readonly at: number
}

export interface RoomsServerOptions {
  /** What is kept at the start: lines as `bob: hi`, by conversation. */
  readonly kept?: Readonly<Record<string, ReadonlyArray<string>>>
  /** The read marks of alice's account. */
  readonly read?: Readonly<Record<string, number>>
  /** Whether alice has logged in to an account. True by default. */
  readonly isOfAccount?: boolean
  /** Answers a line instead of the server; undefined for the answer of the server. */
  readonly answer?: (line: string) => ReadonlyArray<string> | undefined
  /** Whether the server has rooms. True by default. */
  readonly hasRooms?: boolean
  /** Whether it takes a new connection. */
  readonly accepts?: () => boolean
  /** The id of the log, by the number of the connection, from 1. */
  readonly log?: (connection: number) => string
}

/** The secret of alice's account. */
export const keyring = (): Keyring<never> => ({
  insecure: false,
  find: Effect.succeed({ secret: "correct horse", isKeptToken: false }),
  enter: Effect.succeed,
  forget: Effect.void
})

export interface RoomsServer {
  readonly socket: ReturnType<typeof Tcp.connect>
  /** Sends a line to the client that connected last. */
  readonly says: (line: string) => Effect.Effect<void>
  /** Keeps a line, and gives it to the client that connected last. */
  readonly posts: (conversation: string, from: string, text: string) => Effect.Effect<void>
  /** Keeps a line, and returns its number. */
  readonly keeps: (conversation: string, from: string, text: string) => number
  /** When the line with this number was stored, in milliseconds since 1970. */
  readonly timeOf: (seq: number) => number
  /** Its conversation begins again. */
  readonly forget: (conversation: string) => void
  /** All lines that the clients have sent, without those that turn the protocol on. */
  readonly taken: ReadonlyArray<string>
  /** Waits until a client has sent such a line, and returns it. */
  readonly takes: (pattern: RegExp) => Effect.Effect<string>
  readonly breaks: Effect.Effect<void>
}

const startedAt = Date.now() - 3_600_000

const timeOf = (seq: number) => startedAt + seq

/**
 * A server with rooms for one client, alice. It keeps lines and sends pages of them; all else it does when a test says
 * so.
 */
export const make = (options: RoomsServerOptions = {}): Effect.Effect<RoomsServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const {
      accepts = () => true,
      answer = () => undefined,
      hasRooms = true,
      isOfAccount = true,
      kept = {},
      log = () => "l",
      read = {}
    } = options
    const logs = new Map<string, Array<KeptLine>>()
    const keeps = (conversation: string, from: string, text: string) => {
      const lines = logs.get(conversation) ?? []
      logs.set(conversation, lines)
      return lines.push({ from, text, at: timeOf(lines.length + 1) })
    }
    for (const [conversation, lines] of Object.entries(kept)) {
      logs.set(conversation, [])
      for (const line of lines) keeps(conversation, line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2))
    }
    const taken: Array<string> = []
    let last: Net.Socket | undefined = undefined
    let connections = 0

    const commands: Readonly<Record<string, (at: string, words: ReadonlyArray<string>) => ReadonlyArray<string>>> = {
      who: (at) => [`* who ${at} 1: alice`],
      conversations: (at) => [
        ...[...logs].map(
          ([name, lines]) => `* conversation ${at} ${name} last=${lines.length} read=${read[name] ?? 0}: x`
        ),
        `* end ${at} conversations count=${logs.size}: x`
      ],
      topic: (at, [room]) => [`* topic ${at} ${room} carol: all about ${room}`],
      members: (at, [room]) => [
        `* members ${at} ${room} 3 here=2: alice, bob, Zoltan`,
        `* end ${at} members ${room}: x`
      ],
      join: (at, [room = ""]) => [`* room ${at} ${room} members=3 last=${logs.get(room)?.length ?? 0} owner=carol: x`],
      leave: (at, [room]) => [`* left ${at} ${room} alice: x`],
      read: (at, [name, seq]) => [`* read ${at} ${name} seq=${seq}: x`],
      history: (at, [name = "", ...range]) => {
        const value = (key: string) => Number(range.find((one) => one.startsWith(`${key}=`))?.slice(key.length + 1))
        const all = (logs.get(name) ?? []).map((line, index) => ({ ...line, seq: index + 1 }))
        const [after, before] = [value("after"), value("before")]
        const wanted = all.filter(({ seq }) => !(seq <= after) && !(seq >= before))
        const page = Number.isNaN(after) ? wanted.slice(-value("limit")) : wanted.slice(0, value("limit"))
        const more = page.length < wanted.length ? " more=yes" : ""
        return [
          ...page.map(({ at: when, from, seq, text }) => `* past ${at} ${name} ${from} seq=${seq} at=${when}: ${text}`),
          `* end ${at} history ${name} first=${page[0]?.seq ?? 0} last=${page.at(-1)?.seq ?? 0}${more}: x`
        ]
      }
    }
    const answerTo = (line: string): ReadonlyArray<string> => {
      const facts = `${hasRooms ? " rooms=open" : ""}${isOfAccount ? " accounts=open device=main" : ""}`
      if (/^(?:@achat-ack )?\/hello/u.test(line)) {
        const words = "on=ack+copies+once+receipts+seq+to store=memory"
        return [
          `* hello achat=1 name=alice max-line=1000 max-recipients=3 ${words} log=${log(connections)} ${facts}: x`
        ]
      }
      const token = /^alice: (hello\? \S+)/u.exec(line)?.[1]
      if (token !== undefined) return [`from alice: ${token}`]
      if (/^alice\b/u.test(line) || line.startsWith("/ack")) return []
      taken.push(line)
      const [, at = "", command = "", rest = ""] = /^(?:(@\S+) )?\/(\S+) ?(.*)$/u.exec(line) ?? []
      return answer(line) ?? commands[command]?.(at, rest.split(" ")) ?? []
    }
    const address = yield* FakeServer.make((socket) => {
      if (!accepts()) return void socket.resetAndDestroy()
      last = socket
      connections += 1
      const cutter = new LineCutter((line) => {
        const answers = socket.writableEnded ? [] : answerTo(line)
        if (answers.length > 0) socket.write(`${answers.join("\n")}\n`)
      })
      socket.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
      socket.on("end", () => socket.end())
    })
    const says = (line: string) => Effect.sync(() => last?.write(`${line}\n`))
    return {
      socket: Tcp.connect(address),
      says,
      keeps,
      timeOf,
      forget: (conversation) => void logs.delete(conversation),
      posts: (conversation, from, text) =>
        Effect.suspend(() => {
          const seq = keeps(conversation, from, text)
          const room = conversation.startsWith("#") ? ` ${conversation}` : ""
          return says(`from ${from}${room} seq=${seq} at=${timeOf(seq)}: ${text}`)
        }),
      taken,
      takes: (pattern) =>
        Effect.map(
          eventually(() => taken.some((line) => pattern.test(line)), `the client did not send ${pattern}`),
          () => taken.find((line) => pattern.test(line)) ?? ""
        ),
      breaks: Effect.sync(() => last?.resetAndDestroy())
    }
  })

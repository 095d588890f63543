import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { LineCutter } from "../../scripts/line-client.mjs"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "./FakeServer.js"

/**
 * A server that waits for acknowledgements, and leaves messages to the test.
 *
 * @param early lines that the client gets before the answer to its `/hello`
 */
export const make = (...early: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const heard: Array<string> = []
    const lookers = new Set<() => void>()
    let socket: Net.Socket | undefined = undefined
    let acknowledged = 0
    let hasEnded = false
    const look = () => {
      for (const looker of lookers) looker()
    }
    const address = yield* FakeServer.make((client) => {
      socket = client
      const cutter = new LineCutter((line) => {
        heard.push(line)
        const [word = "", argument = ""] = line.split(" ")
        const token = /^alice: (hello\? \S+)/u.exec(line)?.[1]
        if (line === "alice") client.write(early.map((one) => `${one}\n`).join(""))
        if (word === "/ack") acknowledged = Number(argument)
        else if (word === "/ping") client.write(`* pong: ${line.slice("/ping ".length)}\n`)
        else if (word === "/hello") {
          const on = line.includes(" ack") ? " on=ack" : ""
          client.write(`* hello achat=1 name=alice max-line=65536 max-recipients=1000${on}: hi\n`)
        } else if (token !== undefined) client.write(`from alice: ${token}\n`)
        look()
      })
      client.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
      client.on("end", () => {
        hasEnded = true
        client.end()
        look()
      })
    })
    const until = (what: string, isTrue: () => boolean) =>
      Effect.async<void>((resume) => {
        const looker = () => {
          if (!isTrue()) return
          lookers.delete(looker)
          resume(Effect.void)
        }
        lookers.add(looker)
        looker()
      }).pipe(
        Effect.timeoutFail({
          duration: "10 seconds",
          onTimeout: () => new Error(`${what} did not happen; ${acknowledged} acknowledged: ${heard.join(" | ")}`)
        }),
        Effect.orDie
      )
    return {
      address,
      socket: Tcp.connect(address),
      /** Every line of the client, in order. */
      heard: heard as ReadonlyArray<string>,
      /** Sends lines to the client. */
      says: (...lines: ReadonlyArray<string>) =>
        Effect.sync(() => socket?.write(lines.map((one) => `${one}\n`).join(""))),
      end: Effect.sync(() => socket?.end()),
      acknowledged: () => acknowledged,
      /** Waits for an acknowledgement of this many messages. */
      acknowledges: (messages: number) => until(`/ack ${messages}`, () => acknowledged >= messages),
      hears: (line: RegExp) => until(String(line), () => heard.some((one) => line.test(one))),
      /** Waits for the end of the client's sending half. */
      ended: until("the end", () => hasEnded)
    }
  })

import { assert, describe, it } from "@effect/vitest"
import { Connection } from "../../src/web/model/Connection.js"
import type { LinkEvents } from "../../src/web/model/Ports.js"
import { PlayedTimers } from "./PlayedServer.js"

/** A server that takes one line per `millis` milliseconds, and asks for `early` milliseconds less. */
const pacedLink = (timers: PlayedTimers, required: number, early: number) => (events: LinkEvents) => {
  let accepted = -Infinity
  let name = ""
  const take = (line: string) => {
    const since = timers.now() - accepted
    if (since < required) return [`! slow-down retry=${Math.max(0, required - early - since)}: x`]
    accepted = timers.now()
    if (!line.startsWith("/")) name = line
    return line.startsWith("/hello") ? [`* hello achat=1${name === "" ? "" : ` name=${name}`} max-line=1000: x`] : []
  }
  timers.after(0, events.opened)
  return {
    send: (text: string) => {
      for (const line of text.split("\n").slice(0, -1)) timers.after(0, () => events.lines(take(line)))
    },
    close: () => {}
  }
}

describe("Connection", () => {
  it("logs in to a server whose rate is below the lines of a greeting, also if a line is a little early", () => {
    for (const early of [0, 7, 200]) {
      const timers = new PlayedTimers()
      const names: Array<string> = []
      const connection = new Connection(pacedLink(timers, 1000, early), { name: "alice" }, timers, {
        greeted: () => {},
        up: ({ name }) => names.push(name),
        line: () => {},
        ended: () => names.push("ended")
      })
      timers.pass(15_000)
      assert.deepStrictEqual(names, ["alice"], `${early} ms early`)
      connection.drop()
    }
  })
})

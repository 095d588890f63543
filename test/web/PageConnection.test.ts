import { assert, describe, it } from "@effect/vitest"
import { PageConnection } from "../../src/web/model/PageConnection.js"
import type { LineSocketEvents } from "../../src/web/model/Ports.js"
import { PlayedTimers } from "./PlayedServer.js"

/** A server that takes one line per `millis` milliseconds, and asks for `early` milliseconds less. */
const pacedLink = (timers: PlayedTimers, required: number, early: number) => (events: LineSocketEvents) => {
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

describe("PageConnection", () => {
  it("logs in to a server whose rate is below the lines of a greeting, also if a line is a little early", () => {
    for (const early of [0, 7, 200]) {
      const timers = new PlayedTimers()
      const names: Array<string> = []
      const connection = new PageConnection(pacedLink(timers, 1000, early), { name: "alice" }, timers, {
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

  it("leaves once the server has forgotten its device, or has said nothing for a while", async () => {
    for (const reply of ["* forgot @page.1 web: forgotten", "! refused @page.1 forget reason=token: no", undefined]) {
      const timers = new PlayedTimers()
      const sent: Array<string> = []
      let closed = 0
      let link: LineSocketEvents | undefined
      const say = (line: string) => link?.lines([line])
      const connection = new PageConnection(
        (events) => {
          link = events
          timers.after(0, events.opened)
          return { send: (text) => void sent.push(text), close: () => void (closed += 1) }
        },
        { name: "alice", device: "web", secret: "achat_0" },
        timers,
        { greeted: () => {}, up: () => {}, line: () => {}, ended: () => {} }
      )
      timers.pass(0)
      say("* hello achat=1 accounts=open: hello")
      say("* hello achat=1 name=alice device=web: hello")
      sent.length = 0
      const forgotten = connection.forgetDevice("web").then(
        () => true,
        () => false
      )
      assert.deepStrictEqual([sent, closed], [["@page.1 /forget web\n"], 0])
      if (reply !== undefined) say(reply)
      else timers.pass(5_000)
      assert.strictEqual(await forgotten, reply?.startsWith("*") === true)
      assert.isAbove(closed, 0)
    }
  })

  it("is closed soon after a wake-up if only lines from before it come, and stays if its ping is answered", () => {
    for (const isAnswered of [true, false]) {
      const timers = new PlayedTimers()
      let link: LineSocketEvents | undefined
      let ended = 0
      const say = (line: string) => link?.lines([line])
      const connection = new PageConnection(
        (events) => {
          link = events
          timers.after(0, events.opened)
          return { send: () => {}, close: () => {} }
        },
        { name: "alice" },
        timers,
        { greeted: () => {}, up: () => {}, line: () => {}, ended: () => (ended += 1) }
      )
      timers.pass(0)
      say("* hello achat=1: hello")
      say("* hello achat=1 name=alice: hello")
      connection.wake()
      timers.pass(1_000)
      say("from bob: on its way before")
      if (isAnswered) say("* pong @page.alive: pong")
      timers.pass(5_000)
      assert.strictEqual(ended, 0)
      timers.pass(5_000)
      assert.strictEqual(ended, isAnswered ? 0 : 1)
      connection.drop()
    }
  })
})

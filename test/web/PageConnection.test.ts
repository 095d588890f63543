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

/** A connection that is up, and what it has sent. */
const upLink = () => {
  const timers = new PlayedTimers()
  const sent: Array<string> = []
  const seen = { ended: 0 }
  let link: LineSocketEvents | undefined
  const say = (line: string) => link?.lines([line])
  const connection = new PageConnection(
    (events) => {
      link = events
      timers.after(0, events.opened)
      return { send: (text) => void sent.push(text), close: () => {} }
    },
    { name: "alice" },
    timers,
    { greeted: () => {}, up: () => {}, line: () => {}, ended: () => (seen.ended += 1) }
  )
  timers.pass(0)
  say("* hello achat=1: hello")
  say("* hello achat=1 name=alice: hello")
  sent.length = 0
  return { connection, say, seen, sent, timers }
}
const ping = "@page.alive /ping\n"
const pong = "* pong @page.alive: pong"

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

  it("is closed within ten seconds after a line that has no outcome, if no ping is answered either", () => {
    for (const send of ["message", "request"]) {
      const { connection, say, seen, sent, timers } = upLink()
      if (send === "message") connection.message("a.1", "bob", "hi")
      else connection.ask("join #ops", "line").catch(() => undefined)
      sent.length = 0
      timers.pass(1_000)
      // More lines do not put it off, nor does one that was on its way.
      connection.message("a.2", "bob", "hi again")
      say("from bob: on its way before")
      timers.pass(3_900)
      assert.notInclude(sent, ping)
      timers.pass(200)
      assert.include(sent, ping)
      connection.message("a.3", "bob", "are you there?")
      timers.pass(4_700)
      assert.strictEqual(seen.ended, 0)
      timers.pass(300)
      assert.strictEqual(seen.ended, 1, send)
    }
  })

  it("stays if the ping is answered, and sends no more of them for the same line than one", () => {
    const { connection, say, seen, sent, timers } = upLink()
    connection.message("a.1", "bob", "hi")
    timers.pass(5_100)
    say(pong)
    timers.pass(20_000)
    assert.deepStrictEqual([seen.ended, sent.filter((line) => line === ping).length], [0, 1])
    connection.drop()
  })

  it("sends nothing by itself for half a minute if every line has its outcome, or none is sent", () => {
    const { connection, say, seen, sent, timers } = upLink()
    timers.pass(29_900)
    assert.deepStrictEqual(sent, [])
    say("from bob: hi")
    connection.message("a.1", "bob", "hi")
    say("* received @a.1 bob: received")
    timers.pass(29_000)
    assert.deepStrictEqual([sent.includes(ping), seen.ended], [false, 0])
    connection.drop()
  })

  it("does not take a slow network, nor a long search, for one that is gone", () => {
    const { connection, say, seen, timers } = upLink()
    connection.message("a.1", "bob", "x".repeat(40_000))
    timers.pass(44_000)
    assert.strictEqual(seen.ended, 0)
    say("* received @a.1 bob: received")
    say(pong)
    connection.ask("search long ago", "end").catch(() => undefined)
    connection.message("a.2", "bob", "hi")
    timers.pass(25_000)
    assert.strictEqual(seen.ended, 0)
    connection.drop()
  })

  it("finds out at once when the user comes back after some silence, and not before", () => {
    const { connection, say, seen, sent, timers } = upLink()
    timers.pass(4_900)
    connection.look()
    assert.deepStrictEqual(sent, [])
    timers.pass(100)
    connection.look()
    connection.look()
    assert.deepStrictEqual(sent, [ping])
    say(pong)
    connection.look()
    assert.deepStrictEqual(sent, [ping])
    timers.pass(6_000)
    connection.look()
    timers.pass(5_000)
    assert.strictEqual(seen.ended, 1)
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
